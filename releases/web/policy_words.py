"""A model's policy in plain words, and what differs between two. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat

from formats.serving import SWITCHES
from registry.model_policy import FLOORS, ModelPolicy, changes, flat, parse
from registry.templatetags.ui import words
from releases.rollout.documents.lists import in_order

# What the benchmark gate measures, by the name that a limit has in a policy.
MEASURES = {
    "p50_ms": "p50, in ms",
    "p90_ms": "p90, in ms",
    "p99_ms": "p99, in ms",
    "load_ms": "load time, in ms",
    "peak_memory_bytes": "peak memory, in bytes",
    "size_bytes": "size, in bytes",
    "samples_per_second": "samples per second",
}
ANY_HARDWARE = "any"


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a policy says; `name` is its field there, dotted."""

    name: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two policies say differently; `kind` is added, removed or changed."""

    name: str
    label: str
    old: str
    new: str
    kind: str


def rules(policy: ModelPolicy) -> list[Rule]:
    """Everything that the policy says and that counts: no rollout proposes, so a mode has nothing to say."""
    return [_rule(name, value) for name, value in flat(policy).items() if name != "mode"]


def differences(old: Mapping[str, object], new: Mapping[str, object]) -> list[Difference]:
    """What the new policy says differently, as documents: only that."""
    return [
        Difference(
            change.field,
            _rule(change.field, change.new).label,
            _rule(change.field, change.old).text,
            _rule(change.field, change.new).text,
            _kind(change.field, change.old, change.new),
        )
        for change in changes(parse(old), parse(new))
    ]


def summary(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The same in one line."""
    return "; ".join(f"{each.label}: {each.old} → {each.new}" for each in differences(old, new))


def _rule(field: str, value: object) -> Rule:
    section, _, name = field.partition(".")
    if section == "metrics":
        metric, _, member = name.partition(".")
        label, tell = METRIC_TOLD[member]
        told = "as usual" if value is None else tell(value)
        return Rule(field, f"{words(metric).capitalize()}: {label.lower()}", told)
    if section == "lists":
        listed, _, member = name.partition(".")
        label, tell = LIST_TOLD[member]
        return Rule(field, f"List {words(listed)}: {label}", "none" if value is None else tell(value))
    if section == "benchmark":
        profile, _, measure = name.rpartition(".")
        return Rule(field, f"{_measured(measure)} on {_hardware(profile)}", _limit(measure, value))
    label, tell = TOLD[field]
    return Rule(field, label, tell(value))


def _kind(field: str, old: Any, new: Any) -> str:
    """Only a limit, and what is said of a metric or a list, can be absent: the rest always says something."""
    if not field.startswith(("benchmark.", "metrics.", "lists.")) or None not in (old, new):
        return "changed"
    return "added" if old is None else "removed"


def _measured(measure: str) -> str:
    told = MEASURES.get(measure, words(measure)).partition(",")[0]
    return told[0].upper() + told[1:] if len(told) > 3 else told


def _hardware(profile: str) -> str:
    return "any hardware" if profile == ANY_HARDWARE else profile


def _limit(measure: str, value: Any) -> str:
    if value is None:
        return "no limit"
    if measure in FLOORS:
        return f"at least {exactly(value)}"
    if measure.endswith("_bytes"):
        return f"at most {exactly(value)} bytes ({filesizeformat(value)})"
    return f"at most {exactly(value)}{' ms' if measure.endswith('_ms') else ''}"


def exactly(value: float) -> str:
    """All digits: two policies that differ must not look alike."""
    return repr(value).removesuffix(".0")


def number(text: str) -> int | float | str:
    """The number that was typed; what is none stays text, and is refused with its field's own sentence."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _either(yes: str, no: str) -> Callable[[object], str]:
    return lambda value: yes if value else no


TOLD: dict[str, tuple[str, Callable[[Any], str]]] = {
    "slots": ("Signatures", ", ".join),
    "operators": ("Operators beyond the default", lambda names: ", ".join(names) or "none"),
    "margin": (
        "Still as good as the live version",
        lambda margin: (
            "as the manifest says" if margin is None else f"when worse by at most {exactly(margin)}"
        ),
    ),
    "slices": (
        "A slice beyond the acceptable range",
        {
            "decide": "decides: the confidence gate fails",
            "advise": "advises",
            "off": "not looked at",
        }.__getitem__,
    ),
    "power": (
        "A comparison too small to see a loss of the margin",
        {
            "decide": "decides: the confidence gate fails",
            "advise": "advises",
            "off": "not looked at",
        }.__getitem__,
    ),
    "min_power": (
        "Least chance to see a loss of the margin",
        lambda chance: f"{chance * 100:.15g} %",
    ),
    "plus_addresses": (
        "ana+ci@… and ana@… as builders",
        {"same": "one person", "distinct": "two people"}.__getitem__,
    ),
    "unknown_builder": (
        "A builder without an account here",
        {"show": "is shown to reviewers", "refuse": "is refused"}.__getitem__,
    ),
    "mode": (
        "Rollouts",
        lambda mode: "propose, and a person decides" if mode == "propose" else "act by themselves",
    ),
    "proof_minutes": (
        "A proof may take",
        lambda minutes: f"{minutes // 60:,} h {minutes % 60} min" if minutes >= 120 else f"{minutes} min",
    ),
    "serving.batching": ("Requests that arrive together", _either("may run together", "run one by one")),
    "serving.cache_mb": (
        "Answers remembered",
        lambda room: f"up to {room} MB in each worker" if room else "none",
    ),
    "serving.log_share": (
        "Requests in the prediction log",
        lambda share: f"{share * 100:.15g} %" if share else "none",
    ),
    "serving.prepack": (
        "Large weights",
        _either("laid out for speed in each worker", "shared by the workers of a node"),
    ),
}
METRIC_TOLD: dict[str, tuple[str, Callable[[Any], str]]] = {
    "kind": (
        "Kind",
        {
            "bad_event": "yes or no of each unit",
            "bounded": "a value within bounds",
            "real": "a number, shown and decided by nobody",
            "ratio": "a ratio, shown and decided by nobody",
        }.__getitem__,
    ),
    "direction": ("Better is", {"lower": "lower", "higher": "higher"}.__getitem__),
    "margin": ("Still promoted when worse by at most", exactly),
    "relative": ("The margin is relative", _either("yes", "no")),
    "weight": ("Weight among the metrics", exactly),
    "action": (
        "Worse versions",
        {"roll_back": "go back", "hold": "are not promoted", "tell": "are told of"}.__getitem__,
    ),
    "limit": ("Pages beyond a share of units of", exactly),
    "low": ("Least value", exactly),
    "high": ("Largest value", exactly),
    "default": ("Value where nothing came in time", exactly),
    "window_hours": ("Hours in which it may come", exactly),
}


def _stages(stages: Iterable[Mapping[str, object]]) -> str:
    """As they were written, each in turn."""
    return "; ".join(
        ", ".join(_said(name, value) for name, value in in_order(stage).items()) for stage in stages
    )


def _said(name: str, value: object) -> str:
    told = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return told if name == "kind" else f"{name} {told}"


LIST_TOLD: dict[str, tuple[str, Callable[[Any], str]]] = {
    "kind": ("way", words),
    "stages": ("stages", _stages),
}
for _each in SWITCHES:
    _tell = _either("yes", "no") if _each.kind is bool else str
    TOLD.setdefault(f"serving.{_each.name}", (_each.words.title or _each.name, _tell))
