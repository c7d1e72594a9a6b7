"""The words of a person go; the chain, which holds only their salted digests, stays as it is."""

from __future__ import annotations

from collections.abc import Collection

from django.utils import timezone

from registry import policies
from registry.errors import NotAllowed
from registry.events import Kind, record
from registry.events import grounds as keep_grounds
from registry.models import ERASED, ApiToken, Grounds, IdempotencyKey, Person
from registry.selectors import installation_access
from registry.services.wording import on_grounds
from registry.transactions import write


def erase_words(person: Person, *, grounds: str, by: Person, token: ApiToken | None = None) -> int:
    """Erase all that this person has written as grounds; how many texts went.

    Salts go with them, so that no digest in the log can be tried out on a guess, and so do copies in
    answers that are kept for a while to be told again. Raises NotAllowed, BadInput for the grounds.
    """
    if reason := policies.refuse_erasure(installation_access(by, token)):
        raise NotAllowed(reason)
    words = on_grounds(grounds)
    with write():
        written = dict(Grounds.objects.filter(author=person, erased_at=None).values_list("digest", "text"))
        kept = keep_grounds(words, by)
        Grounds.objects.filter(digest__in=written).update(text="", salt="", erased_at=timezone.now())
        _erase_from_answers({text for text in written.values() if text})
        record(Kind.GROUNDS_ERASED, person.actor, actor=by.actor, erased=sorted(written), grounds=kept.digest)
    return len(written)


def _erase_from_answers(texts: Collection[str]) -> None:
    rows = IdempotencyKey.objects.exclude(status=None).exclude(call__endswith="/feedback")
    for row in rows.iterator() if texts else ():
        cleared = _without(row.answer, texts)
        if cleared != row.answer:
            IdempotencyKey.objects.filter(pk=row.pk).update(answer=cleared)


def _without(value: object, texts: Collection[str]) -> object:
    if isinstance(value, dict):
        return {key: _without(inner, texts) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, texts) for inner in value]
    return ERASED if isinstance(value, str) and value in texts else value
