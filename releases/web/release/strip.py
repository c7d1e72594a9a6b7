"""What each gate says in the strip: its verdict in short, and the caveats not to be missed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from releases.proof.evidence import figure, number

Evidence = Mapping[str, Any]


class Said(NamedTuple):
    """`caveats` are what a passed gate does not show, each a short sentence."""

    words: str
    caveats: tuple[str, ...] = ()


def said(gate: str, outcome: str, summary: str, evidence: Evidence) -> Said:
    """The gate's own summary where it was measured otherwise than expected, else its figures in short."""
    tell = _CAVEATS.get(gate)
    if outcome not in ("passed", "failed") or tell is None or evidence.get("reason"):
        return Said(summary)
    return Said(_short(gate, outcome, summary, evidence), tuple(tell(evidence)))


def _short(gate: str, outcome: str, summary: str, evidence: Evidence) -> str:
    if outcome == "failed":
        return summary
    if gate == "confidence" and (value := number(evidence.get("value"))) is not None:
        name = str(evidence.get("metric", "")).replace("_", " ").capitalize()
        return f"{name} {value:.4g}, {_beside(evidence.get('comparison') or {})}"
    if gate == "benchmark" and (p99 := figure(evidence.get("p99_ms"))) is not None:
        ratio = figure((evidence.get("champion") or {}).get("ratio"))
        beside = "" if ratio is None else f", {ratio:.3g} times the live version's median"
        return f"p99 {p99:.3g} ms{beside}"
    return summary


def _beside(comparison: Evidence) -> str:
    words = {
        "better": "better than the live version",
        "not_worse": "not worse than the live version",
        "worse": "worse than the live version",
        "cannot_tell": "cannot be told from the live version",
    }
    return words.get(str(comparison.get("decision")), "with nothing to compare with")


def _confidence(evidence: Evidence) -> Iterator[str]:
    comparison = evidence.get("comparison") or {}
    if comparison.get("decision") in ("not_worse", "cannot_tell"):
        yield f"Better not shown: {_settling(comparison, evidence.get('rows'))}"
    outside = sum(bool(part.get("outside")) for part in evidence.get("slices") or ())
    if outside and (evidence.get("policy") or {}).get("slices") != "off":
        yield f"{outside} of {len(evidence['slices'])} slices outside the range"
    more = _more(evidence.get("rows_needed"), evidence.get("rows"))
    if more and _is_close(evidence):
        yield f"Good enough not shown: {more} more rows would probably settle it"


def _is_close(evidence: Evidence) -> bool:
    """Whether the value lies in the acceptable range, and only its bound does not."""
    found = [number(evidence.get(key)) for key in ("value", "lower", "upper")]
    ends = [number(end) for end in evidence.get("range") or ()]
    if None in (*found, *ends) or len(ends) != 2:
        return False
    (value, lower, upper), (low, high) = found, ends
    return bool(low <= value <= high and (lower < low or upper > high))  # type: ignore[operator]


def _settling(comparison: Evidence, rows: object) -> str:
    """How many rows it would take, as far as anybody can say."""
    if comparison["decision"] == "cannot_tell":
        more = _more(comparison.get("rows_needed"), rows)
        return f"{more} more rows would settle it" if more else "no number of rows would settle it"
    if (number(comparison.get("difference")) or 0.0) <= 0:
        return "on these rows it is not"
    more = _more(comparison.get("rows_for_better"), rows)
    return f"{more} more rows would settle it" if more else "the difference is too small for these rows"


def _more(needed: object, rows: object) -> str:
    if not isinstance(needed, int) or not isinstance(rows, int) or needed <= rows:
        return ""
    return f"{needed - rows:,}"


def _benchmark(evidence: Evidence) -> Iterator[str]:
    warm_up = evidence.get("warm_up") or {}
    if warm_up and not warm_up.get("steady"):
        yield "Never became steady: read these figures with care"


def _end_to_end(evidence: Evidence) -> Iterator[str]:
    if evidence.get("batchable") is False:
        yield "Answers differ in a batch: served row by row"


def _schema(evidence: Evidence) -> Iterator[str]:
    if evidence.get("compatibility") == "breaking":
        yield f"Clients of version {evidence.get('champion')} have to change"


_CAVEATS: Mapping[str, Callable[[Evidence], Iterator[str]]] = {
    "schema": _schema,
    "end_to_end": _end_to_end,
    "confidence": _confidence,
    "benchmark": _benchmark,
}
