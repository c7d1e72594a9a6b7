"""From propensities to weights: floors and caps by water-filling, then whole parts of 2**53."""

from __future__ import annotations

import numpy as np

from formats.plan import PARTS, WHOLE
from releases.statistics.arrays import Codes, Floats

_LEAST = 1e-12
"""So that what is divided by is never nought; far below any share that is played."""
_SLACK = 1e-9
"""Floats that should sum to one do so within it."""


def filled(propensities: Floats, floors: Floats, caps: Floats) -> Floats:
    """Shares in proportion to the propensities as far as each arm's floor and cap let them; they sum to one.

    propensities  (..., arms); a share of zero needs a cap of zero.
    floors, caps  broadcast to it. Raises ValueError where they leave no such shares.

    All arms' shares rise together like water, c = level * p, and stop at their own bounds.
    """
    if np.any(floors > caps) or np.any(floors.sum(-1) > 1 + _SLACK) or np.any(caps.sum(-1) < 1 - _SLACK):
        raise ValueError("no shares keep all floors and caps and sum to one")
    wanted = np.maximum(propensities, _LEAST)
    floors, caps = np.broadcast_to(floors, wanted.shape), np.broadcast_to(caps, wanted.shape)
    bends = np.sort(np.concatenate([floors / wanted, caps / wanted], axis=-1), axis=-1)
    sums = _at(bends[..., None, :], wanted, floors, caps)
    after = np.clip((sums < 1).sum(axis=-1, keepdims=True), 1, bends.shape[-1] - 1)
    low, high = (np.take_along_axis(bends, after - step, axis=-1) for step in (1, 0))
    under, over = (np.take_along_axis(sums, after - step, axis=-1) for step in (1, 0))
    level = low + (high - low) * np.clip((1 - under) / np.maximum(over - under, _LEAST), 0.0, 1.0)
    return np.asarray(np.clip(level * wanted, floors, caps))


def _at(levels: Floats, wanted: Floats, floors: Floats, caps: Floats) -> Floats:
    """What all shares sum to at each level, shape (..., levels)."""
    risen = np.swapaxes(levels, -1, -2) * wanted[..., None, :]
    return np.asarray(np.clip(risen, floors[..., None, :], caps[..., None, :]).sum(axis=-1))


def in_parts(shares: Floats) -> Codes:
    """Weights are multiples of 1/64, so that a tick that changed nothing worth telling changes no unit's arm.

    Whole 64ths that sum to 64: the largest remainders are rounded up, the first of equal ones first."""
    exact = shares * PARTS
    whole = np.floor(exact + _SLACK)
    missing = PARTS - whole.sum(axis=-1, keepdims=True)
    order = np.argsort(np.argsort(whole - exact, axis=-1, kind="stable"), axis=-1, kind="stable")
    return np.asarray(whole + (order < missing), np.int64)


def quantised(propensities: Floats, floors: Floats, caps: Floats) -> Codes:
    """64ths within floors and caps: a floor above zero is at least one part, a cap at most its whole ones."""
    least = np.ceil(floors * PARTS - _SLACK) / PARTS
    return in_parts(filled(propensities, least, np.floor(caps * PARTS + _SLACK) / PARTS))


def weights(parts: Codes) -> tuple[int, ...]:
    """Of one experiment, as routing wants them: whole numbers that sum to exactly 2**53."""
    return tuple(int(part) * (WHOLE // PARTS) for part in parts)
