"""What a bandit may look at of a request: declared features, each in steps.

A combination of steps is a *context*, a number from 0 on: the first feature's step counts most. Steps are
declared before anything is seen, so that no value is too large and none has to be scaled.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite, prod
from typing import NamedTuple

from formats.types import FREE, Signature, TensorSpec

MOST_CONTEXTS = 256
"""Each has weights of its own in the document that moves them, which is read by every node."""
MOST_TERMS = 50
"""Of the model of what a unit brings: one to begin with, and one for each step but the first of a feature."""
TEXT = "BYTES"


@dataclass(frozen=True, slots=True)
class Feature:
    """One value of a request. `name`: an input with one value, or a column that the signature names.

    cuts    of a number, ascending: n cuts make n + 1 steps, and a value at a cut is above it
    values  of a text: each is a step, and all others together are one more

    Raises ValueError for what cannot be.
    """

    name: str
    cuts: tuple[float, ...] = ()
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.cuts) == bool(self.values):
            raise ValueError(f"feature {self.name!r} has either cuts, as a number, or values, as a text")
        if not all(map(isfinite, self.cuts)) or any(low >= high for low, high in pairwise(self.cuts)):
            raise ValueError(
                f"the cuts of feature {self.name!r} are finite numbers, each above the one before"
            )
        if len(set(self.values)) < len(self.values):
            raise ValueError(f"feature {self.name!r} has a value twice")

    @property
    def steps(self) -> int:
        return len(self.cuts or self.values) + 1

    def step(self, value: float | str) -> int | None:
        """None of what is missing: NaN is in no step."""
        if isinstance(value, str):
            return self.values.index(value) if value in self.values else len(self.values)
        return None if value != value else bisect_right(self.cuts, value)

    def told(self) -> tuple[str, ...]:
        """Each step in words."""
        if self.values:
            return (*(f"{self.name} {value}" for value in self.values), f"{self.name} otherwise")
        between = (f"{self.name} {low:g} to {high:g}" for low, high in pairwise(self.cuts))
        return (f"{self.name} below {self.cuts[0]:g}", *between, f"{self.name} from {self.cuts[-1]:g} on")


class Place(NamedTuple):
    """Where a feature stands in a request of one row: which input, and which element of it."""

    input: int
    element: int


def contexts(features: Sequence[Feature]) -> int:
    """How many there are; 0 where nothing is looked at."""
    return prod(feature.steps for feature in features) if features else 0


def terms(features: Sequence[Feature]) -> int:
    return 1 + sum(feature.steps - 1 for feature in features)


def place(signature: Signature, feature: Feature) -> Place:
    """Raises ValueError with a sentence where the signature has no such value, or has several."""
    found = [
        Place(at, element)
        for at, spec in enumerate(signature.inputs)
        for element in _elements(spec, feature.name)
    ]
    if len(found) != 1:
        many = "several values" if found else "no single value"
        raise ValueError(
            f"a request has {many} called {feature.name!r}: it has {', '.join(_names(signature))}"
        )
    spec = signature.inputs[found[0].input]
    if (spec.datatype == TEXT) != bool(feature.values):
        kind = "a text: write its values" if spec.datatype == TEXT else "a number: write cuts"
        raise ValueError(f"{feature.name!r} is {kind}")
    return found[0]


def _elements(spec: TensorSpec, name: str) -> Collection[int]:
    """Which elements of an input's first row have the name."""
    if spec.features:
        flat = len(spec.shape) <= 2 and FREE not in spec.shape[-1:]
        return [at for at, column in enumerate(spec.features) if column == name] if flat else []
    alone = all(axis == 1 for axis in spec.shape[1:]) and (spec.shape[:1] in ((), (1,), (FREE,)))
    return [0] if spec.name == name and alone else []


def _names(signature: Signature) -> list[str]:
    """What could be looked at, some of it."""
    found = [
        name for spec in signature.inputs for name in (spec.features or (spec.name,)) if _elements(spec, name)
    ]
    return found[:20] or ["none at all"]
