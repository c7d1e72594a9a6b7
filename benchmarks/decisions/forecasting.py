"""Row 30: what is promised before the start, beside what then happens, over twenty kinds of traffic.

The promise sees one past week of hourly counts. What happens is played unit by unit: units that come
often and seldom, each bad once; days and nights; a ramp that takes units over.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from benchmarks.decisions.rows import Dice, Found, Row, median
from releases.rollout.evidence import forecast, split
from releases.rollout.evidence.forecast import Step, Traffic
from releases.statistics.arrays import Floats

ALPHA = 0.01
WITHIN = 24.0 * 28
_WEEK = 24 * 7


@dataclass(frozen=True, slots=True)
class World:
    """requests an hour on average, by so many units; the share that is bad, and how much worse it gets."""

    requests: float
    units: int
    heavy: float
    bad: float
    ratio: float
    steps: tuple[Step, ...]
    night: float


def promised(rng: Dice, quick: bool) -> Found:
    worlds = [_world(rng) for _ in range(6 if quick else 20)]
    runs = 40 if quick else 200
    off = []
    for world in worlds:
        told = forecast.of_events(
            Traffic(_past_week(rng, world)),
            world.ratio,
            world.steps,
            split.log_worse,
            -log(ALPHA),
            WITHIN,
            rng,
        ).median
        off.append(told / median(np.array([_happened(rng, world) for _ in range(runs)])) - 1)
    typical = float(np.median(np.abs(off)))
    near = int((np.abs(off) <= 0.25).sum())
    return Found(
        f"off by {typical:.0%} in the median; {near} of {len(off)} within 25 %".replace("% in", " % in"),
        typical <= 0.25,
        {"off": [round(each, 3) for each in off], "runs": runs},
    )


def _world(rng: Dice) -> World:
    share = float(rng.choice([0.05, 0.1, 0.25, 0.5]))
    ramp = (Step(0.0, share / 5), Step(float(rng.uniform(1, 6)), share))
    requests = float(np.exp(rng.uniform(log(500), log(20_000))))
    return World(
        requests=requests,
        units=int(requests * rng.uniform(2, 20)),
        heavy=float(rng.uniform(0, 1.5)),
        bad=float(np.exp(rng.uniform(log(0.002), log(0.02)))),
        ratio=float(rng.choice([1.5, 2.0, 3.0, 5.0])),
        steps=ramp if rng.random() < 0.5 else (Step(0.0, share),),
        night=float(rng.uniform(0.05, 1.0)),
    )


def _profile(world: World, hours: int) -> Floats:
    """Requests of all units up to each hour: days with their nights."""
    day = 1 + (world.night - 1) * (1 + np.cos(2 * np.pi * np.arange(hours) / 24)) / 2
    return np.concatenate([[0.0], np.cumsum(day / day.mean() * world.requests)])


def _first_bad(rng: Dice, world: World) -> Floats:
    """How many requests of all units must have come until each unit meets its first bad one."""
    activity = rng.lognormal(0.0, world.heavy, world.units)
    return np.asarray(rng.exponential(size=world.units) / (activity / activity.sum() * world.bad))


def _past_week(rng: Dice, world: World) -> Floats:
    """First bad events of units in each hour of a week under the old version: all that is known before."""
    until = np.searchsorted(np.sort(_first_bad(rng, world)), _profile(world, _WEEK))
    return np.diff(until).astype(float)


def _happened(rng: Dice, world: World) -> float:
    """Hours until the evidence, looked at after every event, takes the version back."""
    requests, hours = _profile(world, int(WITHIN)), np.arange(WITHIN + 1)
    place, bad = rng.random(world.units), _first_bad(rng, world)
    starts = np.array([step.hours for step in world.steps])
    shares = np.array([step.share for step in world.steps])
    joins = np.full(world.units, np.inf)
    for step in reversed(world.steps):
        joins[place < step.share] = np.interp(step.hours, hours, requests)
    own = bad > joins
    met = np.where(own, np.where(own, joins, 0.0) + (bad - np.where(own, joins, 0.0)) / world.ratio, bad)
    at = np.interp(met, requests, hours, right=np.inf)
    order = np.argsort(at)
    order = order[np.isfinite(at[order])]
    stage = np.searchsorted(starts, at[order], side="right") - 1
    event = stage[:, None] == np.arange(len(starts))
    new, old = ((event & who[order, None]).cumsum(axis=0) for who in (own, ~own))
    reached = split.log_worse(new, old, shares) >= -log(ALPHA)
    return float(at[order[reached.argmax()]]) if reached.any() else np.inf


ROWS = (
    Row(
        30,
        "Time to a return as promised before the start, beside what then happens, 20 kinds of traffic",
        "± 25 % in the median",
        "-",
        "calculators for one look at a fixed number: another question",
        promised,
    ),
)
