"""Whether two versions gave the same answer, worked out in a thread that nobody waits for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from time import sleep
from typing import Self

from formats.answers import Tolerances, first_difference
from formats.dtypes import Array
from formats.types import Signature, Tolerance

_AT_ONCE = 1 << 14
"""Elements; so many texts take a millisecond, for which nobody else runs."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of the outputs that a baseline has, by name. `places`: of each in both versions' answers.

    What else the challenger says changes nothing for who reads the baseline's outputs; one that it
    does not give, does. Where a rollout names outputs, the others may differ as they like.
    """

    places: tuple[tuple[int, int, Tolerance], ...]
    complete: bool

    @classmethod
    def of(
        cls,
        baseline: Signature,
        challenger: Signature,
        tolerances: Tolerances,
        named: Collection[str] = (),
    ) -> Self:
        here = {spec.name: place for place, spec in enumerate(baseline.outputs)}
        there = {spec.name: place for place, spec in enumerate(challenger.outputs)}
        asked = named or tuple(here)
        both = [name for name in asked if name in here and name in there]
        return cls(
            tuple((here[name], there[name], tolerances.on(name)) for name in both),
            len(both) == len(asked),
        )

    def differ(self, baseline: Sequence[Array], challenger: Sequence[Array]) -> bool:
        return not self.complete or any(
            differ(baseline[one], challenger[other], tolerance) for one, other, tolerance in self.places
        )


def differ(expected: Array, got: Array, tolerance: Tolerance) -> bool:
    """Looks at some elements at a time, and lets others run between."""
    if expected.shape != got.shape:
        return True
    flat, other = expected.reshape(-1), got.reshape(-1)
    for begin in range(0, flat.size, _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        if first_difference(_texts(flat[part]), _texts(other[part]), tolerance) is not None:
            return True
        sleep(0)
    return False


def _texts(array: Array) -> Array:
    return array.astype(str) if array.dtype.kind == "O" else array
