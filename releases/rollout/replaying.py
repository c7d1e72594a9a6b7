"""Decides again what was decided: each automatic decision of the log, by what its event says it was made of.

A decision is a pure function of its design, counts, standing and clock, and all four stand in its event. So
anybody can see later that the rules were followed, and where they have changed since.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from math import isclose
from typing import Any

from registry.models import Event
from releases.events import Kind
from releases.rollout.counts import Counts
from releases.rollout.designs.design import Design
from releases.rollout.strategies import STRATEGIES
from releases.rollout.strategies.base import Decision, Standing
from releases.rollout.switching.switches import ACTOR
from releases.rollout.written import Unreadable, from_json, to_json

SAME_WITHIN = 1e-9
"""Another processor or library may round the last digits of a logarithm otherwise."""
_SAID_TWICE = ("verdict", "arm", "reason", "proposed")
"""What the event says beside the whole decision, for people to read."""
_WORDS = ("reason: it was", "alerts[")
"""Where differences of words begin. A later release may say a thing better: it decides the same."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """One decision made again.

    differences  what is decided otherwise now, by place; none where it holds
    reworded     sentences that say the same decision in other words now
    """

    seq: int
    rollout: int
    number: int
    differences: tuple[str, ...]
    reworded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Made:
    """What a decision was made of, and what it was."""

    design: Design
    counts: Counts
    standing: Standing
    now: float
    decision: Decision


def replay(rollout: int | None = None) -> Iterator[Replayed]:
    """Every automatic decision of the log, or of one rollout, in its order. Those of people have no rule."""
    events = Event.objects.filter(kind=Kind.ROLLOUT_DECIDED, actor=ACTOR).order_by("seq")
    if rollout is not None:
        events = events.filter(facts__rollout=rollout)
    for seq, payload in events.values_list("seq", "payload").iterator(chunk_size=100):
        facts = json.loads(payload)["facts"]
        found = tuple(_differences(facts))
        decided = tuple(each for each in found if not each.startswith(_WORDS))
        reworded = tuple(each for each in found if each.startswith(_WORDS))
        yield Replayed(seq, facts["rollout"], facts["number"], decided, reworded)


def _differences(facts: Mapping[str, Any]) -> Iterator[str]:
    try:
        made_of = {each.name: facts.get(each.name) for each in fields(_Made)}
        was = from_json(_Made, made_of, "event")
    except Unreadable as why:
        yield str(why)
        return
    made = STRATEGIES[was.design.kind].decide(was.design, was.counts, was.standing, was.now)
    said = was.decision
    yield from _unlike(to_json(said), to_json(made), "")
    for name in _SAID_TWICE:
        told, meant = facts.get(name) or "", getattr(said, name) or ""
        if told != meant:
            yield f"{name}: the event says {_short(told)}, its decision {_short(meant)}"


def _unlike(said: Any, made: Any, at: str) -> Iterator[str]:
    """Both are JSON."""
    if isinstance(said, dict) and isinstance(made, dict):
        for name in sorted(said.keys() | made.keys()):
            yield from _unlike(said.get(name), made.get(name), f"{at}.{name}" if at else name)
    elif isinstance(said, list) and isinstance(made, list) and len(said) == len(made):
        for place, (one, other) in enumerate(zip(said, made, strict=True)):
            yield from _unlike(one, other, f"{at}[{place}]")
    elif not _same(said, made):
        yield f"{at}: it was {_short(said)}, it is {_short(made)}"


def _same(said: Any, made: Any) -> bool:
    if isinstance(said, float) and isinstance(made, float):
        return isclose(said, made, rel_tol=SAME_WITHIN, abs_tol=SAME_WITHIN)
    return bool(said == made)


def _short(value: object) -> str:
    told = json.dumps(value)
    return told if len(told) <= 80 else f"{told[:80]}…"
