"""Rows 23 and 24: what a decision costs, and that the same counters always give the same one."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np

from benchmarks.decisions.rows import Dice, Found, Row
from formats.plan import Arm
from releases.rollout.counts import Counts, Spell, Tally
from releases.rollout.designs.design import Asked, Design, Kind, weights
from releases.rollout.strategies import STRATEGIES
from releases.rollout.strategies.base import Standing
from scoring.routing import splitter, unit_hasher

NEW, OLD = "8", "7"
_REPLAYS = {True: 300, False: 10_000}
_TICKS = {True: 50, False: 500}


def canary() -> Design:
    stages = STRATEGIES[Kind.CANARY].preset(Asked((NEW,), OLD))
    return Design(Kind.CANARY, OLD, (NEW,), stages)


def increments(design: Design, number: int, rng: Dice) -> list[Counts]:
    """What nodes send in a while: units and bad ones of either arm in any of the stages."""
    parts = []
    for _ in range(number):
        stage = int(rng.integers(1, len(design.stages)))
        spell = Spell(stage, weights(design.stages[stage].shares, design.arms))
        arm = (NEW, OLD)[int(rng.integers(2))]
        units = int(rng.integers(1, 400))
        bad = {name: int(rng.binomial(units, 0.01)) for name in ("errors", "timeouts")}
        parts.append(Counts(arms={(spell, arm): Tally(units, bad=bad)}))
    return parts


def replayed(rng: Dice, quick: bool) -> Found:
    """Shuffled, batched anew, merged: the same decision, to the last bit."""
    design, same, runs = canary(), 0, _REPLAYS[quick]
    parts = increments(design, 40, rng)
    at = Standing(stage=len(design.stages) - 1)
    decide = STRATEGIES[design.kind].decide
    first = decide(design, reduce(add, parts), at, 7200.0)
    for _ in range(runs):
        order = [parts[index] for index in rng.permutation(len(parts))]
        cuts = [0, *sorted(rng.integers(0, len(parts), 3).tolist()), len(parts)]
        batches = [reduce(add, order[a:b], Counts()) for a, b in pairwise(cuts)]
        same += decide(design, reduce(add, batches), at, 7200.0) == first
    return Found(f"{same:,} of {runs:,} the same", same == runs, {"same": same, "runs": runs})


def costs(rng: Dice, quick: bool) -> Found:
    """A tick of a canary in its last stage, with every metric; a routing choice of the data plane."""
    design, ticks = canary(), _TICKS[quick]
    counts = reduce(add, increments(design, 40, rng))
    at = Standing(stage=len(design.stages) - 1)
    tick = _us(lambda: STRATEGIES[design.kind].decide(design, counts, at, 7200.0), ticks)
    hashed, choose = unit_hasher(b"salt"), splitter([Arm(8, 1 << 52, ""), Arm(7, 1 << 52, "")])
    choice = _us(lambda: choose(hashed("user-17")), 10_000)
    per_metric = tick / len(design.metrics)
    return Found(
        f"{per_metric:.0f} us per tick and metric; {choice:.1f} us per choice",
        per_metric <= 100 and choice <= 20,
        {"tick_us": tick, "per_metric_us": per_metric, "choice_us": choice},
    )


def _us(call: Callable[[], object], times: int) -> float:
    """CPU microseconds of one call: the best of five rounds, as other work on the machine only adds."""
    rounds = []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(times):
            call()
        rounds.append((time.process_time() - begun) / times * 1e6)
    return float(np.min(rounds))


ROWS = (
    Row(
        23,
        "What watching costs",
        "at most 100 us per tick and metric, 20 us per routing choice",
        "-",
        "MABWiser 246 us a choice, Vowpal Wabbit 104 us, Evidently 41 s a window",
        costs,
    ),
    Row(
        24,
        "The same counters and configuration give the same decision, in any order and batches",
        "all of 10,000 shuffled replays",
        "all",
        "lost on restart, where a posterior is written back whole",
        replayed,
    ),
)
