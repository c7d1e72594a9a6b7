"""The metric on the confidence set, over the versions of a model: a bounded part of them at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Max

from registry.models import ModelVersion, RegisteredModel
from releases.lifecycle import State
from releases.models import GateRun, Release
from releases.proof.evidence import number

MOST = 60
"""Versions whose points can be told apart across the page."""
UNDONE = (State.REJECTED, State.ROLLED_BACK)
FOUND = ("outcome", "evidence__metric", "evidence__value", "evidence__lower", "evidence__upper")


@dataclass(frozen=True, slots=True)
class Measure:
    """What was claimed of a version and what its newest proof found; None where nobody has.

    `outcome` is the confidence gate's, `state` that of the version's newest release, `live_in` environments.
    """

    version: int
    metric: str
    low: float
    high: float
    claimed: float | None
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    outcome: str = ""
    state: str = ""
    live_in: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it was found wanting: by the gate, by people, or in front of clients."""
        return self.outcome == GateRun.Outcome.FAILED or self.state in UNDONE


@dataclass(frozen=True, slots=True)
class Trend:
    """Versions measured by `metric`, the oldest first; `others` more had another one.

    `earlier` and `later` are the highest versions of the neighbouring parts, None where there is none.
    """

    metric: str
    measures: Sequence[Measure]
    others: int = 0
    earlier: int | None = None
    later: int | None = None


def of_model(model: RegisteredModel, upto: int | None = None) -> Trend:
    """The last MOST versions, or the last MOST up to a number."""
    rows = ModelVersion.objects.filter(model=model, confidence_set__isnull=False)
    numbers = rows if upto is None else rows.filter(number__lte=upto)
    columns = ("pk", "number", *(f"confidence_set__{name}" for name in ("metric", "low", "high", "claimed")))
    newest = list(numbers.order_by("-number").values_list(*columns)[: MOST + 1])
    shown, earlier = newest[:MOST], newest[MOST:]
    measures = _measures(shown)
    metric = measures[-1].metric if measures else ""
    same = [measure for measure in measures if measure.metric == metric]
    return Trend(
        metric,
        same,
        others=len(measures) - len(same),
        earlier=earlier[0][1] if earlier else None,
        later=_later(rows, shown[0][1]) if shown and upto is not None else None,
    )


def _later(rows: Any, newest: int) -> int | None:
    following = rows.filter(number__gt=newest).order_by("number").values_list("number", flat=True)[:MOST]
    return max(following, default=None)


def _measures(rows: Sequence[tuple[Any, ...]]) -> list[Measure]:
    keys = [row[0] for row in rows]
    proofs, states, live = _proofs(keys), _states(keys), _live(keys)
    found = []
    for key, version, metric, low, high, claimed in reversed(rows):
        outcome, proven, value, lower, upper = proofs.get(key, ("", None, None, None, None))
        found.append(
            Measure(
                version,
                str(proven or metric),
                low,
                high,
                claimed,
                number(value),
                number(lower),
                number(upper),
                outcome,
                states.get(key, ""),
                tuple(live.get(key, ())),
            )
        )
    return found


def _proofs(versions: Collection[int]) -> dict[int, tuple[Any, ...]]:
    """By version, what its newest confidence gate that came to a verdict found; no more of its evidence."""
    runs = GateRun.objects.filter(
        gate="confidence",
        release__version__in=versions,
        outcome__in=(GateRun.Outcome.PASSED, GateRun.Outcome.FAILED),
    )
    newest = runs.order_by().values("release__version").annotate(last=Max("pk")).values("last")
    rows = GateRun.objects.filter(pk__in=newest).values_list("release__version", *FOUND)
    return {version: tuple(found) for version, *found in rows}


def _states(versions: Collection[int]) -> dict[int, str]:
    newest = Release.objects.filter(version__in=versions).order_by().values("version")
    last = newest.annotate(last=Max("pk")).values("last")
    return dict(Release.objects.filter(pk__in=last).values_list("version", "state"))


def _live(versions: Collection[int]) -> dict[int, list[str]]:
    rows = Release.objects.filter(version__in=versions, state=State.LIVE).order_by("environment__name")
    found: dict[int, list[str]] = {}
    for version, environment in rows.values_list("version", "environment__name"):
        found.setdefault(version, []).append(environment)
    return found
