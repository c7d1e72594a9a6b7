"""From what people type to what the log says: a part of a word is enough where it is one of a known list.

Kinds are few; people, tokens and models are looked through by name, O(people + tokens + models). What is
found stands in the log as it is, so that an index finds the events; at most MOST names are taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db.models import Q, QuerySet

from registry import finding, selectors
from registry.events import Kind
from registry.models import ApiToken, Event, Person

MOST = 50
"""Names go into one query as parameters; a word that fits more of them finds nothing worth reading."""
KINDS = {str(kind) for kind in Kind}
"""Those of the registry; who else records events adds theirs when it is loaded."""
RELEASE = re.compile(r"(?:release\s*)?#?(?P<number>[0-9]{1,18})", re.IGNORECASE)
VERSION = re.compile(r"(?P<model>[^\s/]+)\s+(?:version\s*)?(?P<number>[0-9]{1,9})", re.IGNORECASE)


def exact(asker: Person, wanted: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """What is asked for in the words of the log, and apart the columns for which one of several will do."""
    said, parts = dict(wanted), {}
    for column, look in _LOOK.items():
        word = str(said.get(column, "") or "").strip()
        if not word or word.endswith("*"):
            continue
        found = look(asker, word)
        if len(found) == 1:
            said[column] = found[0]
        else:
            said[column], parts[column] = "", found
    return said, parts


def any_of(found: QuerySet[Event], column: str, words: list[str]) -> QuerySet[Event]:
    """Events of which the column is one of the words."""
    if not words:
        return found.none()
    by_reading = Q()
    for word in words:
        by_reading |= Q(**{f"{column}__iexact": word})  # which no index serves: read in the log's order
    return selectors.narrowed(found, Q(**{f"{column}__in": words}), by_reading)


def subject(word: str) -> str:
    """`release 12` and `digits 3` as the log names them; anything else as it is."""
    if numbered := RELEASE.fullmatch(word):
        return f"release/{numbered['number']}"
    if named := VERSION.fullmatch(word):
        return f"version/{named['model']}/{named['number']}"
    return word


def _subjects(asker: Person, word: str) -> list[str]:
    return [subject(word)]


def _kinds(asker: Person, word: str) -> list[str]:
    part = word.casefold().replace(" ", "_")
    known = kinds()
    return (
        [word]
        if word in known
        else [kind for kind in known if part in kind.replace(".", "_") or part in kind]
    )


def _models(asker: Person, word: str) -> list[str]:
    names = selectors.visible_models(asker).order_by("name").values_list("name", flat=True)
    if names.filter(name=word).exists():
        return [word]
    return list(names.filter(name__icontains=word)[:MOST]) or [word]


def _actors(asker: Person, word: str) -> list[str]:
    if "/" in word:
        return [word]
    people = [person.actor for person in finding.people(asker, word, MOST)]
    if f"person/{word}" in people:
        return [f"person/{word}"]
    seen = ApiToken.objects.filter(name__icontains=word)
    if not selectors.sees_all_models(asker):
        seen = seen.filter(owner=asker)
    return [*people, *(token.actor for token in seen[:MOST]), *(s for s in SYSTEMS if word.casefold() in s)]


SYSTEMS = tuple(f"system/{part}" for part in ("assay", "breaker", "feedback", "gates", "rollouts", "setup"))
_LOOK: dict[str, Callable[[Any, str], list[str]]] = {
    "kind": _kinds,
    "subject": _subjects,
    "model": _models,
    "actor": _actors,
}


def kinds() -> list[str]:
    """Every kind of event that there can be."""
    return sorted(KINDS)


def names(actors: Iterable[str]) -> dict[str, str]:
    """People and tokens by the names that people know them by."""
    listed = set(actors)
    usernames = [actor.removeprefix("person/") for actor in listed if actor.startswith("person/")]
    identifiers = [actor.removeprefix("token/") for actor in listed if actor.startswith("token/")]
    people = Person.objects.filter(username__in=usernames)
    tokens = ApiToken.objects.filter(identifier__in=identifiers).select_related("owner")
    return {
        **{person.actor: person.get_full_name() or person.username for person in people},
        **{token.actor: f"token {token.name}, of {token.owner}" for token in tokens},
    }
