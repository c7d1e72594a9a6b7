"""Models and their versions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from registry import names, policies
from registry.errors import NotAllowed, NotFound
from registry.models import ApiToken, Beginning, ModelVersion, RegisteredModel, Tag
from registry.selectors.rights import access, visible_models

if TYPE_CHECKING:
    from registry.models import Person


def search_models(
    asker: Person,
    *,
    token: ApiToken | None = None,
    search: str = "",
    tag: str = "",
    owner: str = "",
    task: str = "",
) -> QuerySet[RegisteredModel]:
    """Visible models whose names or words contain `search`; `tag` is `key` or `key=value`;
    `owner` is who registered it."""
    found = visible_models(asker, token)
    if owner:
        found = found.filter(created_by__username=owner)
    if task:
        found = found.filter(task=task)
    if search:
        words_in = Q(name__icontains=search) | Q(description__icontains=search) | Q(task__icontains=search)
        if folded := names.folded(search):
            words_in |= Q(title_key__contains=folded)
        found = found.filter(words_in | _has_digest(search))
    if tag:
        key, _, value = tag.partition("=")
        tags = Tag.objects.filter(model=OuterRef("pk"), key=key)
        if value:
            tags = tags.alias(start=Beginning("value")).filter(start=value[:100])
        if len(value) >= 100:  # else the beginning is all of it, and SQLite would not use its index for both
            tags = tags.filter(value=value)
        found = found.filter(Exists(tags))
    newest = ModelVersion.objects.filter(model=OuterRef("pk")).order_by("-number").values("number")[:1]
    # Asked per row of the page that is shown: an aggregate would read every version of every model.
    # Versions are numbered without gaps and never deleted, so the newest number is also their count.
    latest = Coalesce(Subquery(newest), 0)
    return found.annotate(latest=latest, version_count=latest).order_by("name")


def _has_digest(search: str) -> Q:
    """A search of at least eight hex digits also finds the model of the version that they begin."""
    if not re.fullmatch(r"[0-9a-f]{8,64}", search):
        return Q()
    begins = Q(digest__gte=search, digest__lt=search + "g")  # an index serves a range, not a LIKE
    return Q(Exists(ModelVersion.objects.filter(begins, model=OuterRef("pk"))))


def model(name: str, asker: Person, token: ApiToken | None = None) -> RegisteredModel:
    """The model, if the asker may see it. Raises NotFound otherwise: existence is not told.

    Raises NotAllowed where a token is for the model, which tells that it is there, and not for reading it.
    """
    found = _called(name)
    asked = access(asker, token, found)
    if found is not None and not (reason := policies.refuse_view(asked)):
        return found
    if found is not None and asked.scopes:
        raise NotAllowed(reason, model=name)
    raise NotFound(f"There is no model {name!r} that you may see.", model=name)


def _called(name: str) -> RegisteredModel | None:
    """The model of that slug, else the one that people call so."""
    found = RegisteredModel.objects.filter(name=name).first()
    if found is None and not names.refuse(name):
        found = RegisteredModel.objects.filter(title_key=names.folded(name)).first()
    return found


def slug(name: str) -> str:
    """The slug of the model that people call so; the same words where there is none."""
    found = _called(name)
    return found.name if found else name


def titles(slugs: Iterable[str]) -> dict[str, str]:
    """What pages show for these slugs, of the models that people call otherwise."""
    found = RegisteredModel.objects.filter(name__in=set(slugs)).exclude(title=None)
    return {model.name: str(model) for model in found.only("name", "title")}


def is_called(model: RegisteredModel, name: str) -> bool:
    """Whether somebody who writes this means the model."""
    return name.strip() == model.name or names.folded(name) == model.title_key


def versions(of: RegisteredModel) -> QuerySet[ModelVersion]:
    return ModelVersion.objects.filter(model=of).select_related("model", "uploaded_by").order_by("-number")


def version_lines(of: RegisteredModel) -> QuerySet[ModelVersion]:
    """Versions as a list shows them: without the documents, which are most of their bytes."""
    return versions(of).defer("manifest", "signature", "inspection", "model__description", "model__policy")


def version(of: RegisteredModel, number: int) -> ModelVersion:
    """One version with its parts. Raises NotFound."""
    found = (
        versions(of)
        .filter(number=number)
        .select_related("end_to_end_set", "confidence_set", "uploaded_with")
        .prefetch_related("files__artifact", "tags", "aliases", "uploaders__person")
        .first()
    )
    if found is None:
        raise NotFound(f"Model {of.name!r} has no version {number}.", model=of.name, version=number)
    return found


def version_called(of: RegisteredModel, text: str) -> ModelVersion:
    """The version of that number, alias, or of at least eight digits of its identity. Raises NotFound."""
    named = Q(aliases__name=text) | (Q(number=int(text)) if re.fullmatch(r"[0-9]{1,9}", text) else Q())
    if re.fullmatch(r"[0-9a-f]{8,64}", text):
        named |= Q(digest__gte=text, digest__lt=text + "g")
    found = sorted(
        versions(of).filter(named).values_list("number", flat=True),
        key=lambda n: (str(n) != text, n),
    )
    if not found:
        called = f"Model {of.name!r} has no version {text[:80]!r}"
        raise NotFound(f"{called}: write its number, an alias or its identity.", model=of.name)
    return version(of, found[0])


def version_by_digest(of: RegisteredModel, digest: str) -> ModelVersion | None:
    return versions(of).filter(digest=digest).first()


def lineage(of: ModelVersion) -> dict[str, Any]:
    """The data and extractor rows that carry this version's number."""
    return {
        "datasets": {d.purpose: d for d in of.model.datasets.filter(number=of.number)},
        "extractor": of.model.extractors.filter(number=of.number).select_related("artifact").first(),
    }
