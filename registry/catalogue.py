"""The catalogue of metrics in a model's policy: what rollouts of the model are judged by, and how.

It is frozen into each rollout as that starts; a strategy may add metrics of its own, and be stricter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from msgspec import Meta

from formats.documents import Document
from formats.evidence import BAD
from registry.errors import BadInput

REWARD = "reward"
"""What rewards by request id are, whatever else there is; bandits follow it."""
GUARDRAILS = (*BAD, "latency")
"""They come with every rollout: a catalogue says how they count, and takes none away."""
METRIC_NAME = r"^[a-z][a-z0-9_]{0,39}\Z"
MOST_METRICS = 20
"""Alpha is shared out among them: with more, none would ever decide anything."""
MOST_WINDOW_HOURS = 90 * 24
"""A quarter: units are remembered for that long, and a rollout that waits longer has no news."""
MOST_VALUE = 1e9
"""Of a value either way: one slip must not become the mean."""

MetricKind = Literal["bad_event", "bounded", "real", "ratio"]
MetricAction = Literal["roll_back", "hold", "tell"]
Direction = Literal["lower", "higher"]


def _one_of(kind: object) -> Meta:
    return Meta(description=f"Write one of {', '.join(get_args(kind))}.")


class CataloguedMetric(Document, frozen=True, omit_defaults=True):
    """What is left out is as the kind of metric has it, or the guardrail.

    kind          bad_event: yes or no of each unit; bounded: from `low` to `high`; real and ratio are shown
                  with intervals and decide nothing
    direction     which way is better
    margin        how much worse a version may be and still be promoted: 0.5 is half as much again where that
                  is `relative`, else in the metric's own unit
    weight        its part of the chance to err, beside the others' weights
    action        what its verdict does
    limit         share of bad units beyond which a person is paged
    default       the value of a unit of which nothing came in time
    window_hours  how long after its first answer a unit's value may come
    """

    kind: Annotated[MetricKind | None, _one_of(MetricKind)] = None
    direction: Annotated[Direction | None, _one_of(Direction)] = None
    margin: Annotated[
        Annotated[float, Meta(ge=0.01, le=100)] | None, Meta(description="Write a number from 0.01 to 100.")
    ] = None
    relative: Annotated[bool | None, Meta(description="Write true or false.")] = None
    weight: Annotated[
        Annotated[float, Meta(ge=0.01, le=100)] | None, Meta(description="Write a number from 0.01 to 100.")
    ] = None
    action: Annotated[MetricAction | None, _one_of(MetricAction)] = None
    limit: Annotated[
        Annotated[float, Meta(ge=1e-6, le=0.999)] | None,
        Meta(description="Write a share of units from 0.000001 to 0.999."),
    ] = None
    low: Annotated[
        Annotated[float, Meta(ge=-MOST_VALUE, le=MOST_VALUE)] | None,
        Meta(description="Write the least value that there is, a number."),
    ] = None
    high: Annotated[
        Annotated[float, Meta(ge=-MOST_VALUE, le=MOST_VALUE)] | None,
        Meta(description="Write the largest value that there is, a number."),
    ] = None
    default: Annotated[
        Annotated[float, Meta(ge=-MOST_VALUE, le=MOST_VALUE)] | None,
        Meta(description="Write the value of a unit of which nothing came, a number."),
    ] = None
    window_hours: Annotated[
        Annotated[float, Meta(ge=0, le=MOST_WINDOW_HOURS)] | None,
        Meta(description=f"Write hours from 0 to {MOST_WINDOW_HOURS}."),
    ] = None

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest value that may come."""
        if self.kind in ("real", "ratio"):
            return -MOST_VALUE, MOST_VALUE
        return (self.low or 0.0, 1.0 if self.high is None else self.high)


_OF_GUARDRAILS = ("margin", "weight", "action", "limit")
_SHARE = "The margin of a bad event is relative: 0.5 is half as often again. Leave this out."


def check(name: str, metric: CataloguedMetric, place: str) -> None:
    """Refuse what cannot be: what the bounds of one member alone cannot say. Raises BadInput."""
    said = metric.to_json()
    if name in GUARDRAILS:
        _check_guardrail(name, list(said), place)
        return
    if metric.kind is None:
        raise BadInput(f"Write one of {', '.join(get_args(MetricKind))}.", field=f"{place}.kind")
    low, high = metric.range
    refused: Mapping[str, str] = {
        "relative": _SHARE if metric.kind == "bad_event" and metric.relative is False else "",
        "limit": _only("bad_event", metric.kind) if "limit" in said else "",
        "low": _only("bounded", metric.kind) if "low" in said else "",
        "high": (_only("bounded", metric.kind) if "high" in said else "")
        or ("Write more than low." if low >= high else ""),
        "default": ""
        if low <= (metric.default or 0.0) <= high
        else f"Write a value from {low:g} to {high:g}.",
    }
    for member, sentence in refused.items():
        if sentence:
            raise BadInput(sentence, field=f"{place}.{member}")


def _check_guardrail(name: str, said: list[str], place: str) -> None:
    members = ", ".join(_OF_GUARDRAILS)
    if not said:
        raise BadInput(f"{name} comes with every rollout: write {members}, or leave it out.", field=place)
    if other := [member for member in said if member not in _OF_GUARDRAILS]:
        sentence = f"{name} comes with every rollout: its {other[0]} stands. There are {members}."
        raise BadInput(sentence, field=f"{place}.{other[0]}")


def _only(wanted: str, kind: str) -> str:
    return "" if kind == wanted else f"Only {wanted} has one. Leave this out."
