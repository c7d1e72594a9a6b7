"""What changed between two versions, fact by fact: declared facts, bytes and tensors alike. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.manifest import MetricRange

SKIPPED = ("model", "files")
EXCHANGED: Mapping[str, str] = {
    "bytes.end_to_end": "The end-to-end set is another one: what must always come back was exchanged.",
    "bytes.confidence": "The confidence set is another one: the metric is not measured on the same rows.",
    "bytes.metric": "The version's own metric is another graph: its values mean something else.",
    "metric.name": "The metric is another one: its values mean something else.",
    "metric.range": "The range of acceptable values is another one.",
}
"""What a version is judged by. Where it changes, a reviewer must see that before any figure."""


@dataclass(frozen=True, slots=True)
class Change:
    """One fact; `kind` is added, removed or changed, or same where all facts are wanted.

    tone     "better" or "worse" where the fact has a direction, "grave" where the version is judged by it.
    warning  a sentence on what a grave change means.
    """

    section: str
    name: str
    before: str
    after: str
    kind: str
    tone: str = ""
    warning: str = ""


def document(
    manifest: Mapping[str, Any], files: Mapping[str, tuple[str, int]], signature: Mapping[str, Any]
) -> dict[str, Any]:
    """All that can be compared of a version; `files` are (digest, size) by key."""
    told = {key: f"{digest[:12]} ({size:,} bytes)" for key, (digest, size) in files.items()}
    return {"bytes": told, **manifest, "tensors": _tensors(signature)}


def changes(before: Mapping[str, Any], after: Mapping[str, Any], *, same_too: bool = False) -> list[Change]:
    """Every fact of two documents that differs: what versions are judged by first, then by dotted name."""
    old, new = flat(before), flat(after)
    differing = [name for name in old.keys() | new.keys() if same_too or old.get(name) != new.get(name)]
    grave = list(EXCHANGED)
    differing.sort(key=lambda name: (grave.index(name) if name in EXCHANGED else len(grave), name))
    directions = _directions(before, after)
    return [_change(name, old, new, directions) for name in differing]


def warnings(found: Sequence[Change]) -> list[str]:
    """What of the changes a reviewer must know first."""
    return [change.warning for change in found if change.warning]


def _change(
    name: str, old: Mapping[str, str], new: Mapping[str, str], directions: Mapping[str, str]
) -> Change:
    kind = "added" if name not in old else "removed" if name not in new else "changed"
    if old.get(name) == new.get(name):
        kind = "same"
    section, _, rest = name.partition(".")
    # A set that only one side declares was not exchanged.
    warning = EXCHANGED.get(name, "") if kind == "changed" else ""
    tone = "grave" if warning else directions.get(name, "")
    return Change(section, rest or section, old.get(name, ""), new.get(name, ""), kind, tone, warning)


def _directions(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """Which of the facts with a direction went which way. What has none is neither better nor worse."""
    was, now = before.get("metric") or {}, after.get("metric") or {}
    told = {"training.latency_ms": _way(before.get("training"), after.get("training"), "latency_ms", -1)}
    told["metric.margin"] = _way(was, now, "margin", -1)
    if was.get("name") and was.get("name") == now.get("name"):
        told["metric.claimed"] = _way(was, now, "claimed", MetricRange.from_json(now).sign)
    return told


def _way(was: object, now: object, name: str, sign: int) -> str:
    before, after = (side.get(name) if isinstance(side, Mapping) else None for side in (was, now))
    if not (isinstance(before, int | float) and isinstance(after, int | float)) or before == after:
        return ""
    return "better" if sign * (after - before) > 0 else "worse"


def flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted name to text; lists are one text, so that a changed item shows as one change."""
    found: dict[str, str] = {}
    for key, value in document.items():
        name = f"{prefix}{key}"
        if not prefix and key in SKIPPED:
            continue
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{name}.")
        else:
            found[name] = _text(value)
    return found


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_text(item)}" for key, item in value.items())
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _tensors(signature: Mapping[str, Any]) -> dict[str, str]:
    told = {}
    for side in ("inputs", "outputs"):
        for spec in signature.get(side, []):
            axes = ", ".join("any" if axis == -1 else str(axis) for axis in spec.get("shape", []))
            told[f"{side}.{spec['name']}"] = f"{spec['datatype']} [{axes}]"
    return told
