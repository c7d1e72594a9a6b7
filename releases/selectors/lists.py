"""The long lists: models, the versions of a model, releases. Each is filtered, ordered and counted.

What each costs, with m models that the reader sees, v versions of one model, and r releases of all:

    models      O(page) by name, by an index; O(m log r) by the last release; a filter reads on by name
    versions    O(v log r) where a state or a metric is asked for, else O(page)
    releases    O(page) for one state, model, environment or person, by an index that has the list's order;
                conditions together read on from the narrowest of their indexes
    how many    at most MOST rows are counted, so O(MOST): beyond them it is "at least"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from django.db.models import FloatField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from registry import selectors as registry_selectors
from registry.keyset import NEWEST_FIRST, Order
from registry.models import ApiToken, CalledAs, ModelVersion, Person, RegisteredModel
from releases.lifecycle import ON_THEIR_WAY, State
from releases.models import GateRun, Release
from releases.selectors.releases import HEAVY, latest_releases
from releases.selectors.routes import environments

if TYPE_CHECKING:
    from django.db.models import Model

MOST = registry_selectors.FEW
OPEN, NOTHING = "open", "none"
LARGEST = 1.7e308
"""Sorts behind every number: the largest that both databases keep as a float."""

Orders = Mapping[str, tuple[str, Order]]
"""What a list can be ordered by, as an address says it, with the words for it; the usual one is the first."""

MODEL_ORDERS: Orders = {
    "name": ("name, A to Z", Order("called_as", unique=False)),
    "-name": ("name, Z to A", Order("called_as", descending=True, unique=False)),
    "-last": ("last release first", Order("last_release", descending=True, unique=False)),
    "last": ("last release last", Order("last_release", unique=False)),
}
VERSION_ORDERS: Orders = {
    "-number": ("newest first", Order("number", descending=True)),
    "number": ("oldest first", Order("number")),
    "-metric": ("highest metric first", Order("measured", descending=True, unique=False)),
    "metric": ("lowest metric first", Order("measured", unique=False)),
}
RELEASE_ORDERS: Orders = {"-opened": ("newest first", NEWEST_FIRST), "opened": ("oldest first", Order("pk"))}

_ENDED = (State.SUPERSEDED, State.REJECTED, State.ROLLED_BACK, State.WITHDRAWN, State.RETIRED)
RELEASE_STATES = {OPEN: "on its way"} | {str(state): str(state).replace("_", " ") for state in State}
"""What a list can be narrowed to, as an address says it, with the words for it."""
VERSION_STATES = RELEASE_STATES | {NOTHING: "no release"}
MODEL_STATES = {state: words for state, words in RELEASE_STATES.items() if state not in _ENDED} | {
    NOTHING: "nothing live"
}


@dataclass(frozen=True, slots=True)
class Total:
    """How many rows a list has, or at least so many."""

    number: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class ModelsWanted:
    """Of the models: `state` is one of their releases' now, OPEN, or NOTHING where none is live."""

    search: str = ""
    tag: str = ""
    owner: str = ""
    task: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class VersionsWanted:
    """Of the versions of a model: `state` is that of their newest release, NOTHING where they have none."""

    state: str = ""
    author: str = ""
    metric_from: float | None = None
    metric_to: float | None = None
    falling: bool = False
    """Whether the list falls: what was never measured comes last by the metric, whichever way it is read."""


@dataclass(frozen=True, slots=True)
class ReleasesWanted:
    """Of the releases; OPEN are all that are on their way."""

    state: str = ""
    model: str = ""
    environment: str = ""
    opened_by: Person | None = None


def usual(orders: Orders) -> Order:
    """How a list is read where nobody says how."""
    return next(iter(orders.values()))[1]


class LastRelease(Protocol):
    """A row of `models`: what it adds."""

    last_release: int


class Measured(Protocol):
    """A row of `versions`: what it adds."""

    newest: int | None
    newest_state: str | None
    measured: float


def count(rows: QuerySet[Model]) -> Total:
    """Exact up to MOST."""
    found = rows.order_by().values("pk")[: MOST + 1].count()
    return Total(min(found, MOST), found > MOST)


def models(asker: Person, wanted: ModelsWanted, token: ApiToken | None = None) -> QuerySet[RegisteredModel]:
    """Models that the asker may see, each with the key of its newest release (`last_release`, 0 for none)."""
    found = registry_selectors.search_models(
        asker, token=token, search=wanted.search, tag=wanted.tag, owner=wanted.owner, task=wanted.task
    )
    if wanted.state == NOTHING:
        found = found.exclude(pk__in=Release.objects.filter(state=State.LIVE).values("model"))
    elif wanted.state:
        found = found.filter(pk__in=Release.objects.filter(_in_state(wanted.state)).values("model"))
    newest = Release.objects.filter(model=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    found = found.annotate(last_release=Coalesce(Subquery(newest), 0), called_as=CalledAs())
    return found.select_related("created_by").defer("policy")


def newest_releases(names: list[str], most: int) -> list[Release]:
    """Of models that the asker may see: the newest release of each."""
    newest = Release.objects.filter(model=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    keys = RegisteredModel.objects.filter(name__in=names).order_by().values_list(Subquery(newest))[:most]
    rows = Release.objects.filter(pk__in=[pk for (pk,) in keys if pk]).order_by("-pk")
    return list(
        rows.select_related("model", "version", "environment").defer(
            "policy", "model__policy", *(f"version__{name}" for name in HEAVY)
        )
    )


def last_releases(of: Sequence[RegisteredModel]) -> dict[int, Release]:
    """The newest releases of models that `models` found, by the model's key."""
    rows = Release.objects.filter(
        pk__in=[model.last_release for model in of]  # type: ignore[attr-defined]
    ).defer("policy")
    return {row.model_id: row for row in rows}


def versions(of: RegisteredModel, wanted: VersionsWanted) -> QuerySet[ModelVersion]:
    """Versions of a model, each with the key of its newest release (`newest`), the state of that, and what
    its confidence gate found (`measured`)."""
    newest = Release.objects.filter(version=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    found = registry_selectors.version_lines(of).annotate(newest=Subquery(newest))
    state = Release.objects.filter(pk=OuterRef("newest")).values("state")[:1]
    found = found.annotate(newest_state=Subquery(state))
    gate = GateRun.objects.filter(release=OuterRef("newest"), gate="confidence")
    value = Cast(KeyTextTransform("value", "evidence"), FloatField())
    none = Value(-LARGEST if wanted.falling else LARGEST, FloatField())
    found = found.annotate(measured=Coalesce(Subquery(gate.values(found=value)[:1]), none))
    if wanted.author:
        found = found.filter(uploaded_by__username=wanted.author)
    if wanted.state == NOTHING:
        found = found.filter(newest=None)
    elif wanted.state:
        found = found.filter(_in_state(wanted.state, "newest_state"))
    if wanted.metric_from is not None:
        found = found.filter(measured__gte=wanted.metric_from, measured__lt=LARGEST)
    if wanted.metric_to is not None:
        found = found.filter(measured__lte=wanted.metric_to, measured__gt=-LARGEST)
    return found


def releases(asker: Person, wanted: ReleasesWanted, token: ApiToken | None = None) -> QuerySet[Release]:
    """Releases of the models that the asker may see, newest first."""
    found = latest_releases(asker, token)
    if wanted.state:
        found = found.filter(_in_state(wanted.state))
    if wanted.model:
        slug = registry_selectors.slug(wanted.model)
        model = RegisteredModel.objects.filter(name=slug).values_list("pk", flat=True).first()
        found = found.filter(model=model or 0)
    if wanted.environment:
        # By its key: through a join nobody would read the index in its order.
        keys = dict(environments().values_list("name", "pk"))
        found = found.filter(environment=keys.get(wanted.environment, 0))
    if wanted.opened_by is not None:
        found = found.filter(opened_by=wanted.opened_by)
    return found


def _in_state(state: str, column: str = "state") -> Q:
    # As an `exclude` it would be asked of every release that ever was: most are done.
    if state == OPEN:
        return Q(**{f"{column}__in": ON_THEIR_WAY})
    return Q(**{column: state})


def owners(asker: Person) -> list[str]:
    """Who registered the models that the asker may see."""
    found = registry_selectors.visible_models(asker).order_by("created_by__username")
    return list(found.values_list("created_by__username", flat=True).distinct())


def tasks(asker: Person) -> list[str]:
    """What the models that the asker may see are for."""
    found = registry_selectors.visible_models(asker).exclude(task="").order_by("task")
    return list(found.values_list("task", flat=True).distinct())


def authors(of: RegisteredModel) -> list[str]:
    """Who uploaded the versions of a model."""
    found = ModelVersion.objects.filter(model=of).order_by("uploaded_by__username")
    return list(found.values_list("uploaded_by__username", flat=True).distinct())
