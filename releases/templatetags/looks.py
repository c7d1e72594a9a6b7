"""The parts of a page that show a value of the law of releases: one place for its word, icon and colour."""

from __future__ import annotations

from django import template

from registry.templatetags.ui import Look, look, words
from releases import looks

register = template.Library()


@register.inclusion_tag("components/icon.html")
def gate_icon(gate: str, outcome: str) -> Look:
    """How a gate ended, small enough for a row of a list."""
    name, tone = looks.OUTCOMES["pending" if outcome == "running" else outcome]
    return {"name": name, "tone": tone, "label": f"{words(gate)} {outcome}"}


@register.inclusion_tag("components/icon.html")
def rightness(value: bool | None) -> Look:
    """Whether a version has a row right; nothing where nobody knows."""
    found = {True: ("check", "positive", "right"), False: ("cross", "danger", "wrong")}
    return {} if value is None else dict(zip(("name", "tone", "label"), found[value], strict=True))


@register.filter
def strategy(kind: object) -> str:
    """What a way of bringing a version to traffic is called."""
    return looks.STRATEGIES.get(str(kind), str(kind))


@register.inclusion_tag("components/chip.html")
def state(value: object) -> Look:
    """The one place where a release state turns into a word, an icon and a colour."""
    return look(looks.STATES, value)


@register.inclusion_tag("components/chip.html")
def outcome(value: object) -> Look:
    """The one place where a gate's outcome turns into a word, an icon and a colour."""
    return look(looks.OUTCOMES, value)


@register.inclusion_tag("components/chip.html")
def node_state(value: object) -> Look:
    """The one place where the state of a scoring node turns into a word, an icon and a colour."""
    return look(looks.NODES, value, looks.NODE_WORDS.get(str(value), ""))


@register.inclusion_tag("components/chip.html")
def verdict(value: object) -> Look:
    """The one place where a review's verdict turns into a word, an icon and a colour."""
    return look(looks.VERDICTS, value, looks.VERDICT_WORDS.get(str(value), ""))


@register.inclusion_tag("components/chip.html")
def change(value: object) -> Look:
    """The one place where what a difference means turns into a word, an icon and a colour."""
    return look(looks.CHANGES, value, looks.CHANGE_WORDS.get(str(value), "")) if value else {}


@register.inclusion_tag("components/chip.html")
def decision(value: object) -> Look:
    """The one place where a decision about a rollout turns into a word, an icon and a colour."""
    return look(looks.DECISIONS, value, looks.DECISION_WORDS.get(str(value), ""))
