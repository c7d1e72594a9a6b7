"""What a few words find, of what the asker may see. Few rows of each kind; a list page has the rest.

What it costs, with m models that the asker sees: O(m log n) for identities and tags, O(a) for the a names
of algorithms and libraries, O(log n) for hyperparameters, which are found by their beginning, O(p) for p
people.
"""

from __future__ import annotations

import re

from django.db.models import Exists, OuterRef, Q, QuerySet

from registry import policies, selectors
from registry.models import Membership, ModelVersion, Person, RegisteredModel, Tag, Term, begins

IDENTITY = re.compile(r"[0-9a-f]{8,64}")
NUMBERED = re.compile(r"(?P<model>\S+?)(?:/|\s+)(?:version\s*|v)?(?P<number>[0-9]{1,9})", re.IGNORECASE)


def models(asker: Person, words: str, most: int) -> list[RegisteredModel]:
    """By name, description or task; those that are called so come first."""
    found = selectors.search_models(asker, search=words).select_related("created_by").defer("policy")
    called = list(found.filter(name__icontains=words)[:most])
    rest = found.exclude(pk__in=[model.pk for model in called])[: most - len(called)]
    return [*called, *rest] if len(called) < most else called


def versions(asker: Person, words: str, most: int) -> list[ModelVersion]:
    """By the beginning of an identity, or by model and number: `digits 3`, `digits/3`, `digits version 3`."""
    seen = selectors.visible_models(asker)
    found = ModelVersion.objects.select_related("model").defer(
        "manifest", "signature", "inspection", "model__policy", "model__description"
    )
    if IDENTITY.fullmatch(words):
        same = Q(digest__gte=words, digest__lt=words + "g")
        return list(found.filter(same, model__in=seen).order_by("pk")[:most])
    if named := NUMBERED.fullmatch(words):
        wanted = found.filter(model__in=seen, model__name=named["model"].lower())
        return list(wanted.filter(number=int(named["number"]))[:most])
    return []


def people(asker: Person, words: str, most: int) -> list[Person]:
    """By any of their names. Who may not see everybody finds those who have a role on a model that
    they see."""
    named = Q(username__icontains=words) | Q(first_name__icontains=words) | Q(last_name__icontains=words)
    found = Person.objects.filter(named, is_active=True).order_by("username")
    if policies.refuse_people(selectors.installation_access(asker)):
        on = Q(model=None) | Q(model__in=selectors.visible_models(asker))
        found = found.filter(Exists(Membership.objects.filter(on, person=OuterRef("pk"))) | Q(pk=asker.pk))
        if not selectors.visible_models(asker).exists():
            found = found.filter(pk=asker.pk)
    return list(found[:most])


def tags(asker: Person, words: str, most: int) -> list[str]:
    """Tags of models that say the words; a tag of versions by its key, or by its key and value."""
    seen = selectors.visible_models(asker)
    key, _, value = words.partition("=")
    says = Q(key__icontains=words) | Q(value__icontains=words)
    if value:
        says |= Q(key__iexact=key, value__istartswith=value)
    rows = Tag.objects.filter(says, version=None, model__in=seen).order_by("key", "value")
    found = [f"{k}={v}" if v else k for k, v in rows.values_list("key", "value").distinct()[:most]]
    if words not in found and selectors.search_models(asker, tag=words).exists():
        found.insert(0, words)
    return found[:most]


def terms(asker: Person, words: str, most: int) -> list[Term]:
    """Algorithms and libraries that contain the words, hyperparameters that begin with them."""
    key = words.casefold()
    named: QuerySet[Term] = Term.objects.filter(
        kind__in=(Term.Kind.ALGORITHM, Term.Kind.LIBRARY), key__contains=key
    )
    beginning = Term.objects.filter(begins("key", key), kind=Term.Kind.HYPERPARAMETER)
    found: list[Term] = []
    seen = Q() if selectors.sees_all_models(asker) else Q(model__in=selectors.visible_models(asker))
    for rows in (named, beginning):
        lines = rows.select_related("model").defer("model__policy", "model__description")
        found += lines.filter(seen).order_by("kind", "key")[:most]
    return found[:most]
