"""What the confidence set shows beside the metric: slices and power. The policy says what that does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import NormalDist
from typing import TYPE_CHECKING, TypedDict

from registry.manifest import MetricRange
from registry.model_policy import ModelPolicy

if TYPE_CHECKING:
    from registry.manifest.stored import StoredMetric

CONFIDENCE = 0.95
"""As of `statistics.estimates`, whose libraries no process of Django may load."""
MOST_NAMED = 3
"""What a verdict says in its line; the evidence below has them all."""
LONGEST_SHOWN = 60
"""Of a value within a sentence, so that the sentence stays one."""
MOST_ADVISED = 10**9
"""More rows than anybody labels: then it names no number."""
SAYS = {"decide": "decides", "advise": "advises"}


class Part(TypedDict):
    """One slice, as the examiner tells it."""

    name: str
    label: str
    rows: int
    value: float
    lower: float
    upper: float
    outside: bool


class Compared(TypedDict, total=False):
    """The comparison with the champion, as far as it decides."""

    decision: str
    margin: float
    power: float | None


class ConfidenceFound(TypedDict, total=False):
    """What the confidence gate reads of the examiner's part."""

    reason: str
    rows: int
    value: float
    lower: float
    upper: float
    slices: Sequence[Part]
    comparison: Compared | None
    no_comparison: str


@dataclass(frozen=True, slots=True)
class Found:
    """One finding; it `decides` (the gate fails by it) or `advises`. `about` is slice or power."""

    about: str
    says: str
    sentence: str


def findings(
    found: ConfidenceFound, metric: StoredMetric, policy: ModelPolicy, champion: int | None
) -> list[Found]:
    """All that the policy wants to hear of, slices first, the farthest from the range leading."""
    told = [("slice", policy.slices, sentence) for sentence in _slices(found, metric)]
    told += [("power", policy.power, sentence) for sentence in _power(found, policy.min_power, champion)]
    return [Found(about, SAYS[weight], sentence) for about, weight, sentence in told if weight in SAYS]


def sentences(told: Sequence[Found]) -> str:
    """The first of them, and how many more there are."""
    more = len(told) - MOST_NAMED
    named = " ".join(each.sentence for each in told[:MOST_NAMED])
    return f"{named} And {more} more." if more > 0 else named


def _slices(found: ConfidenceFound, metric: StoredMetric) -> Iterator[str]:
    low, high = metric["range"]
    higher = MetricRange.from_json(metric).sign > 0
    outside = [part for part in found.get("slices", ()) if part["outside"]]
    for part in sorted(outside, key=lambda part: part["value"], reverse=not higher):
        beyond = (
            f"even its upper bound {part['upper']:.4g} is below the least acceptable {low:g}"
            if higher
            else f"even its lower bound {part['lower']:.4g} is above the most acceptable {high:g}"
        )
        yield (
            f"Slice {_shown(part['name'])} = {_shown(part['label'])}: {part['value']:.4g} on "
            f"{part['rows']:,} rows, {beyond}."
        )


def _power(found: ConfidenceFound, least: float, champion: int | None) -> Iterator[str]:
    """A comparison that shows neither a loss nor that there is none, and that was too small to."""
    beside = found.get("comparison") or Compared()
    if found.get("no_comparison"):
        yield f"A loss against version {champion} could not have been seen: {found['no_comparison']}."
    chance = beside.get("power")
    if beside.get("decision") != "cannot_tell" or chance is None or chance >= least:
        return
    if not beside["margin"]:
        yield (
            f"That it is not worse than version {champion} is not shown, and no number of rows shows it while"
            " no margin is stated: state one in the manifest or in the model's policy."
        )
        return
    more = _more_rows(found["rows"], chance, least)
    settle = f" About {more:,} more rows would settle it." if more else ""
    yield (
        f"A loss of the margin {beside['margin']:g} against version {champion} would have been seen with a "
        f"chance of {100 * chance:.3g} %, the policy asks for {100 * least:.3g} %.{settle}"
    )


def _more_rows(rows: int, chance: float, least: float) -> int | None:
    """How many more rows give the chance that is asked for; None where that is no advice.

    The margin is as many deviations wide as the two quantiles say, and narrows with the root of the rows.
    """
    normal = NormalDist()
    sure = normal.inv_cdf(CONFIDENCE)
    seen = sure + normal.inv_cdf(max(chance, 1e-9))
    if seen <= 0:
        return None
    more = ceil(rows * ((sure + normal.inv_cdf(least)) / seen) ** 2) - rows
    return more if 0 < more <= MOST_ADVISED else None


def _shown(text: str) -> str:
    """A name or label as a set has it, short and on one line."""
    plain = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return plain if len(plain) <= LONGEST_SHOWN else f"{plain[:LONGEST_SHOWN]}…"
