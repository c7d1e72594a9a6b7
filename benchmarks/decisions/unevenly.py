"""Row 32: heavy users, rewards that come late and pairs of a part of the units, all at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.decisions.rows import Dice, Found, Row, percent, shares_of
from benchmarks.decisions.streams import BAR, counted, holds
from releases.rollout.evidence import split
from releases.rollout.evidence.mixture import Array

REQUESTS, UNITS, HOURS, WINDOW = 400_000, 60_000, 14 * 24, 24
PAIRED, DIFFER = 0.5, 0.1
HEAVY, DELAY = 1.5, 12.0
"""Spread of how often units come (of its logarithm), and hours until a reward comes, on average."""
OLD, NEW = 0.05, 0.08


@dataclass(frozen=True, slots=True)
class Look:
    """Good ones of each version by each hour's look: units by the cohort rule, and requests as they come."""

    units: Array
    requests: Array


def unevenly(rng: Dice, quick: bool) -> Found:
    runs = 200 if quick else 2000
    better, equal = ([_fortnight(rng, new) for _ in range(runs)] for new in (NEW, OLD))
    found = np.array([_decided(each.units) for each in better])
    false = counted(np.array([_decided(each.units) for each in equal]))
    usual = counted(np.array([_decided(each.requests) for each in equal]))
    hours = float(np.median(found))
    decided = counted(found) / runs
    return Found(
        f"decided {percent(decided, 0)}, half after {hours / 24:.1f} days; false"
        f" {shares_of(false, runs)}; every request as it comes: {percent(usual / runs, 0)}",
        decided >= 0.9 and holds(false, runs),
        {"decided": decided, "hours": hours, "false": false, "usual": usual, "runs": runs},
    )


def _fortnight(rng: Dice, new: float) -> Look:
    """One rollout, in halves: each unit by its first differing answer, and what then comes in its window."""
    activity = rng.lognormal(0.0, HEAVY, UNITS)
    often = REQUESTS * DIFFER * activity / activity.sum()
    at = rng.exponential(size=UNITS) * HOURS / often
    known = (at < HOURS) & (rng.random(UNITS) < PAIRED)
    ours = rng.random(UNITS) < 0.5
    good = rng.random(UNITS) < np.where(ours, new, OLD)
    came = at + rng.exponential(DELAY, UNITS)
    closes = np.floor(at) + 1 + WINDOW
    in_time = known & good & (came <= closes)
    size = HOURS + WINDOW + 1
    units = [np.bincount(closes[in_time & side].astype(int), minlength=size) for side in (ours, ~ours)]
    # What is counted elsewhere: each of a unit's requests with its reward, once that is there.
    more = good & (at < HOURS) & (came < HOURS)
    each = 1 + rng.poisson(np.where(more, often * (1 - np.minimum(came, HOURS) / HOURS), 0.0))
    requests = [
        np.bincount(came[more & side].astype(int), weights=each[more & side], minlength=size)
        for side in (ours, ~ours)
    ]
    return Look(np.cumsum(units, axis=1, dtype=np.float64), np.cumsum(requests, axis=1))


def _decided(good: Array) -> float:
    """The first hour at which the new version has won; infinite where it has not."""
    log_e = split.log_worse(good[0][:, None], good[1][:, None], [0.5], split.FINE)
    over = np.flatnonzero(log_e >= BAR)
    return float(over[0]) if len(over) else float("inf")


ROWS = (
    Row(
        32,
        "A/B with both answers known of half of the units, heavy users, rewards 12 hours late",
        "decided at least 90 % in a fortnight, false at most 1 %",
        "1 %",
        "every request counts as its reward comes",
        unevenly,
    ),
)
