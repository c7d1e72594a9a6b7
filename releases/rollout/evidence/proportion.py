"""A share of a whole with an interval that stays valid while it is watched."""

from __future__ import annotations

from collections.abc import Callable
from math import log

from scipy.special import betaln, xlog1py, xlogy

HALVINGS = 60
"""After so many a float between two bounds moves no more."""


def interval(hit: int, units: int, alpha: float) -> tuple[float, float]:
    """The shares that `hit` of so many units do not speak against, at all looks together with 1 - alpha.

    A mixture of all shares, Beta(1/2, 1/2), against each single one: Robbins, Annals of Mathematical
    Statistics 41 (1970). (0, 1) where nothing was seen.
    """
    missed = units - hit
    bound = float(betaln(hit + 0.5, missed + 0.5) - betaln(0.5, 0.5)) + log(alpha)

    def kept(share: float) -> bool:
        return float(xlogy(hit, share) + xlog1py(missed, -share)) >= bound

    middle = hit / units if units else 0.5
    return _edge(kept, middle, 0.0), _edge(kept, middle, 1.0)


def _edge(kept: Callable[[float], bool], inside: float, outside: float) -> float:
    if kept(outside):
        return outside
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if kept(middle) else (inside, middle)
    return outside
