"""Under a bandit that looks at what is asked: the request's context, and who answers it.

What a unit asks decides for as long as the weights stand: the same unit that asks the same gets the same
arm. Some units play evenly whatever they ask, and so do all requests that lack a feature. Of these alone it
is told what they meet: who was chosen for what it asks cannot be compared with others who ask otherwise.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from formats.features import Feature, contexts, place
from formats.plan import ModelPlan, PlannedRollout
from formats.types import Signature
from scoring.errors import ScoringError
from scoring.protocols.inputs import CODES
from scoring.routing import by_context, context_chance, context_choosers, evenly
from scoring.tensors import Block
from scoring.worker.exchange import Exchange, Target


class _Read(NamedTuple):
    """How a feature is read of a request's tensors. `number` is None of a text; `stride` of its steps."""

    input: int
    element: int
    number: struct.Struct | None
    step: Callable[[float | str], int | None]
    stride: int


def reading(features: Sequence[Feature], signature: Signature) -> list[_Read] | None:
    """None where the signature has no such values."""
    stride, found = contexts(features), []
    for feature in features:
        try:
            at = place(signature, feature)
        except ValueError:
            return None
        stride //= feature.steps
        code = CODES.get(signature.inputs[at.input].datatype)
        number = struct.Struct(f"<{code}") if code else None
        found.append(_Read(at.input, at.element, number, feature.step, stride))
    return found


def context_of(blocks: Sequence[Block | None], reads: Sequence[_Read]) -> int | None:
    """Of the first row of a request; None where it lacks a value, or has NaN for one."""
    found = 0
    for at, element, number, step_of, stride in reads:
        block = blocks[at]
        if block is None:
            return None
        value = _value(block.raw, element, number)
        step = None if value is None else step_of(value)
        if step is None:
            return None
        found += step * stride
    return found


def _value(raw: bytes | list[str], element: int, number: struct.Struct | None) -> float | str | None:
    """None of a request without rows."""
    try:
        return raw[element] if isinstance(raw, list) or number is None else _at(raw, element, number)
    except (IndexError, struct.error):
        return None


def _at(raw: bytes, element: int, number: struct.Struct) -> float:
    found: float = number.unpack_from(raw, element * number.size)[0]
    return found


@dataclass(slots=True)
class Looking:
    """Who answers in an entry whose rollout has features.

    reader   takes a request's tensors as the baseline does; a call of ours, which nobody counts
    choose   64 bits of a unit -> index of its arm, where what it asks decides nothing
    """

    model: ModelPlan
    rollout: PlannedRollout
    reads: Sequence[_Read]
    reader: Target
    targets: Sequence[Target]
    choose: Callable[[int], int]
    _choosers: list[Callable[[int], int]] = field(init=False)
    _is_even: Callable[[int], bool] = field(init=False)
    _made: dict[tuple[int, int, bool], Target] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._choosers = context_choosers(self.model)
        self._is_even = evenly(self.model)

    def target(self, exchange: Exchange, *, named: bool) -> Target:
        """Who answers, by what is asked. No arm is kept beyond that: the answer names none to bring back."""
        unit, context = exchange.unit, self._context(exchange)
        if context is None:
            return self.targets[self.choose(unit)]
        chosen = bool(self._choosers) and not self._is_even(unit)
        at = self._choosers[context](unit) if chosen else self.choose(unit)
        found = self._made.get((at, context, chosen))
        if found is None:
            found = self._made[at, context, chosen] = self._in_context(at, context, chosen)
        return found

    def _context(self, exchange: Exchange) -> int | None:
        """What cannot be read is refused in the words of the version that is to answer."""
        exchange.target = self.reader
        try:
            exchange.form.take(exchange, self.reader.version)
        except ScoringError:
            return None
        return context_of(exchange.blocks, self.reads)

    def _in_context(self, at: int, context: int, chosen: bool) -> Target:
        """A worker's death is told of units that play evenly alone, like all else that they meet."""
        target, arm = self.targets[at], self.model.arms[at]
        chance = target.chance
        if chance is not None and by_context(self.model.arms):
            share = context_chance(self.model.arms, self.rollout, context, arm.version)
            chance = lambda _: share  # noqa: E731
        witness = target.witness and target.witness.in_context(context, chosen=chosen)
        return replace(target, chance=chance, witness=witness, told=target.told and not chosen)
