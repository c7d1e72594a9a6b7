"""One line on two versions: which is better and how that is known, and what stands against it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from releases.comparing.figures import Measure, Paired
from releases.proof.gates.schema import Difference

MUCH = 1.5
"""A p99 half as long again is worth a word of its own: chosen, not measured."""


@dataclass(frozen=True, slots=True)
class Known:
    """All that the line depends on. `measured` says of the base and the head that there is a proof."""

    base: int
    head: int
    measured: tuple[bool, bool]
    metric: Measure | None = None
    paired: Paired | None = None
    failed: Sequence[str] = ()
    breaks: Sequence[Difference] = ()
    warnings: Sequence[str] = ()
    measures: Sequence[Measure] = field(default=())


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that the line does not say."""

    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    tone: str
    headline: str
    remarks: tuple[Remark, ...] = ()


_PAIRED = {
    "better": ("positive", "is better than"),
    "not_worse": ("info", "is not worse than"),
    "worse": ("danger", "is worse than"),
    "cannot_tell": ("caution", "cannot be told from"),
}


def verdict(known: Known) -> Verdict:
    """The line, and the remarks with the gravest first."""
    tone, headline = _line(known)
    remarks = tuple(_remarks(known))
    if any(remark.tone == "danger" for remark in remarks):
        tone = "danger"
    return Verdict(tone, headline, remarks)


def _line(known: Known) -> tuple[str, str]:
    head, base = f"Version {known.head}", f"version {known.base}"
    if known.base == known.head:
        return "neutral", "This is one version beside itself."
    missing = [n for n, there in zip((known.base, known.head), known.measured, strict=True) if not there]
    if missing:
        told = " and ".join(f"version {number}" for number in missing)
        return (
            "neutral",
            f"Nothing is known of quality yet: {told} {'was' if len(missing) == 1 else 'were'} not measured.",
        )
    if known.paired is not None:
        tone, words = _PAIRED[known.paired.decision]
        return tone, f"{head} {words} {base}: {_difference(known)}."
    if known.metric is None:
        return (
            "caution",
            f"{head} and {base} are measured by different metrics: their values cannot be compared.",
        )
    return "caution", (
        f"{head} and {base} were not measured on the same rows: {known.metric.label.lower()}"
        f" {known.metric.head:.4g} beside {known.metric.base:.4g} shows neither to be better."
    )


def _difference(known: Known) -> str:
    paired, name = known.paired, known.metric.label.lower() if known.metric else "the metric"
    if paired is None:
        return ""
    rows = f" on the same {paired.rows:,} rows" if paired.rows else " on the same rows"
    better = "better" if paired.difference > 0 else "worse"
    far = f"{name} {better} by {abs(paired.difference):.3g}" if paired.difference else f"{name} the same"
    return f"{far}, 95 % sure between {paired.lower:+.3g} and {paired.upper:+.3g}{rows}"


def _remarks(known: Known) -> Iterator[Remark]:
    for gate in known.failed:
        yield Remark("danger", f"Version {known.head} failed the {gate.replace('_', ' ')} gate.")
    if known.breaks:
        first = known.breaks[0]
        more = f", and {len(known.breaks) - 1} more" if len(known.breaks) > 1 else ""
        yield Remark(
            "danger", f"Clients of version {known.base} have to change: {first.where} {first.what}{more}."
        )
    for warning in known.warnings:
        yield Remark("caution", warning)
    if known.paired and known.paired.decision == "cannot_tell" and known.paired.rows_needed:
        yield Remark("info", f"About {known.paired.rows_needed:,} rows would settle it.")
    for measure in known.measures:
        if measure.name == "p99_ms" and measure.tone and (measure.ratio or 0.0) >= MUCH:
            yield Remark("caution", f"The slowest calls take {measure.ratio:.2g} times as long (p99).")
