"""Rows 8 to 14: a canary that is as good, worse, hit by an outage, worse later, or safe."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.decisions.replays import canary
from benchmarks.decisions.rows import Dice, Found, Row, median, percent, shares_of
from benchmarks.decisions.streams import (
    BAR,
    Stream,
    counted,
    holds,
    least,
    mixed,
    passages,
    streams,
)
from releases.rollout.evidence import onset, rates, split
from releases.rollout.evidence.mixture import Array, threshold
from releases.rollout.strategies import judging
from releases.rollout.strategies.base import Aim
from releases.statistics.proportions import clopper_pearson

MILLION = 1_000_000
SHARE, BASE = 0.05, 0.01
_Z = 2.326


def worse(share: float) -> Callable[[Stream], Array]:
    """The product's evidence after every bad event of a stream."""
    return lambda stream: split.log_worse(stream.new[..., None], stream.old[..., None], [share])


def healthy(rng: Dice, quick: bool) -> Found:
    """Row 8: two arms that are the same."""
    runs = 400 if quick else 4000
    at = passages(streams(rng, runs, MILLION, BASE, SHARE), worse(SHARE), horizon=MILLION)
    false = counted(at)
    upper = clopper_pearson(false, runs)[1]
    peeks = min(runs, 400)
    peeked = counted(passages(streams(rng, peeks, MILLION, BASE, SHARE), z_test, _Z, MILLION))
    return Found(
        f"{shares_of(false, runs)}, at most {percent(upper, 2)}; z-test {percent(peeked / peeks)}",
        holds(false, runs),
        {"false": false, "runs": runs, "upper": upper, "z_test": peeked / peeks},
    )


def z_test(stream: Stream) -> Array:
    """Two shares compared as if this were the only look; from 500 requests of the new arm on."""
    units_new, units_old = SHARE * stream.at, (1 - SHARE) * stream.at
    pooled = (stream.new + stream.old) / stream.at
    spread = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-9) * (1 / units_new + 1 / units_old))
    z = (stream.new / units_new - stream.old / units_old) / spread
    return np.where(units_new >= 500, z, 0.0)


def outages(rng: Dice, quick: bool) -> Found:
    """Row 9: three times in a million requests both arms are fifty times as bad."""
    runs, blocks, block = (100 if quick else 1000), 1000, 1000
    rate = np.full((runs, blocks), BASE)
    for start in rng.integers(0, blocks - 10, (3, runs)):
        rate[np.arange(runs)[:, None], start[:, None] + np.arange(10)] = 50 * BASE
    units = rng.binomial(block, SHARE, (runs, blocks))
    new = rng.binomial(units, rate)
    old = rng.binomial(block - units, rate)
    evidence = split.log_worse(new.cumsum(axis=1)[..., None], old.cumsum(axis=1)[..., None], [SHARE])
    false = int((evidence >= BAR).any(axis=1).sum())
    bad, seen = (new + old).cumsum(axis=1), block * np.arange(1, blocks + 1)
    paged = int(
        (rates.log_over(np.broadcast_to(seen, bad.shape), bad, 0.015) >= threshold(0.001)).any(axis=1).sum()
    )
    failed = new > 0.05 * np.maximum(units, 1)
    thrice = failed[:, 2:] & failed[:, 1:-1] & failed[:, :-2]
    usual = float(thrice.any(axis=1).mean())
    return Found(
        f"{shares_of(false, runs)}, a page in {percent(paged / runs, 0)};"
        f" under 95 % thrice: {percent(usual, 0)}",
        holds(false, runs) and paged == runs,
        {"false": false, "runs": runs, "paged": paged, "usual": usual},
    )


def _detected(rng: Dice, runs: int, bad: float, horizon: int, bar: float = BAR) -> tuple[Array, float]:
    rate, side = mixed(SHARE, bad, BASE)
    return passages(streams(rng, runs, horizon, rate, side), worse(SHARE), bar), least(SHARE, bad, BASE)


def twice_as_bad(rng: Dice, quick: bool) -> Found:
    """Row 10: 1 % becomes 2 %."""
    runs, design = (400 if quick else 4000), canary()
    at, limit = _detected(rng, runs, 0.02, 400_000)
    part = judging.worse_threshold(design, design.metrics[0], Aim.WORSE)
    beside_others = median(_detected(rng, runs, 0.02, 600_000, part)[0])
    middle, mean = median(at), float(at.mean())
    return Found(
        f"median {middle:,.0f}, mean {mean:,.0f} ({mean / limit:.2f} x the limit); with a part of alpha,"
        f" beside the other guardrails: {beside_others:,.0f}",
        middle <= 30_000 and mean <= 1.35 * limit,
        {"median": middle, "mean": mean, "limit": limit, "runs": runs, "beside_others": beside_others},
    )


def other_sizes(rng: Dice, quick: bool) -> Found:
    """Row 11: 1 % becomes 1.5 %, or 5 %."""
    runs = 200 if quick else 2000
    (small, of_small), (large, of_large) = (
        _detected(rng, runs, bad, horizon) for bad, horizon in ((0.015, 900_000), (0.05, 60_000))
    )
    halfway = median(small), median(large)
    return Found(
        f"{halfway[0]:,.0f} ({halfway[0] / of_small:.2f} x)"
        f" and {halfway[1]:,.0f} ({halfway[1] / of_large:.2f} x)",
        halfway[0] <= 1.2 * of_small and halfway[1] <= 1.25 * of_large,
        {"medians": halfway, "limits": (of_small, of_large), "runs": runs},
    )


def heavy_users(rng: Dice, quick: bool) -> Found:
    """Row 12: some users send a thousand times what others do, and stay in their arm."""
    runs, users, events = (200 if quick else 2000), 50_000, int(MILLION * BASE)
    by_unit = by_request = 0
    for _ in range(runs):
        activity = np.exp(2 * rng.standard_normal(users)).cumsum()
        who = activity.searchsorted(rng.random(events) * activity[-1])
        side = rng.random(users) < SHARE
        once = np.sort(np.unique(who, return_index=True)[1])
        by_unit += _ever(side[who[once]])
        by_request += _ever(side[who])
    return Found(
        f"{shares_of(by_unit, runs)}; counting every request {percent(by_request / runs)}",
        holds(by_unit, runs),
        {"false": by_unit, "runs": runs, "by_request": by_request},
    )


def _ever(sides: np.ndarray) -> bool:
    new = sides.cumsum()
    old = np.arange(1, len(sides) + 1) - new
    return bool((split.log_worse(new[:, None], old[:, None], [SHARE]) >= BAR).any())


def late(rng: Dice, quick: bool) -> Found:
    """Row 13: a bug after 500,000 good requests, looked for every thousand over 1.5 million."""
    runs, ticks, block, begins = (300 if quick else 3000), 1500, 1000, 500
    falsely = np.isfinite(_watched(rng, runs, ticks, block, ticks)[0]).sum()
    alarm, plain = _watched(rng, runs, ticks, block, begins)
    delay, of_plain = ((when - begins) * block for when in (alarm, plain))
    middle = median(delay[alarm > begins])
    return Found(
        f"median {middle:,.0f} requests after it began, false {percent(falsely / runs, 2)};"
        f" without forgetting {median(of_plain):,.0f}",
        middle <= 60_000 and holds(int(falsely), runs),
        {"median": middle, "plain": median(of_plain), "false": int(falsely), "runs": runs},
    )


def _watched(rng: Dice, runs: int, ticks: int, block: int, begins: int) -> tuple[Array, Array]:
    """When the detector alarmed in each run, and when the evidence without forgetting did, in ticks."""
    state = np.tile(onset.start(len(split.RATIOS)), (runs, 1))
    total = np.zeros((2, runs))
    alarm, plain = np.full((2, runs), np.inf)
    for tick in range(1, ticks + 1):
        units = rng.binomial(block, SHARE, runs)
        new = rng.binomial(units, BASE if tick <= begins else 2 * BASE)
        old = rng.binomial(block - units, BASE)
        state = onset.step(state, split.log_ratios_per_tick(new[:, None], old[:, None], [SHARE]))
        total += new, old
        evidence = split.log_worse(total[0][:, None], total[1][:, None], [SHARE])
        alarm = np.where((onset.log_alarm(state, ticks) >= BAR) & (alarm == np.inf), tick, alarm)
        plain = np.where((evidence >= BAR) & (plain == np.inf), tick, plain)
    return alarm, plain


def safe(rng: Dice, quick: bool) -> Found:
    """Row 14: promoted when the risk is the same, and not when it is half as much again."""
    runs, unsafe = (400, 1000) if quick else (4000, 20_000)
    halfway, wrong = [], []
    for share in (SHARE, 0.5):
        halfway.append(median(passages(streams(rng, runs, MILLION, BASE, share), _promotes(share))))
        rate, side = mixed(share, 1.5 * BASE, BASE)
        at = passages(streams(rng, unsafe, MILLION, rate, side), _promotes(share), horizon=MILLION)
        wrong.append(counted(at))
    return Found(
        f"{halfway[0]:,.0f} at 5 % and {halfway[1]:,.0f} at 50 %; wrongly"
        f" {shares_of(wrong[0], unsafe)} and {shares_of(wrong[1], unsafe)}",
        halfway[0] <= 95_000 and halfway[1] <= 21_000 and holds(max(wrong), unsafe),
        {"medians": halfway, "wrong": wrong, "runs": runs, "unsafe": unsafe},
    )


def _promotes(share: float) -> Callable[[Stream], Array]:
    return lambda stream: split.log_safe(stream.new[..., None], stream.old[..., None], [share], 1.5)


ROWS = (
    Row(
        8,
        "Healthy canary returned, a million requests, looked at after every one, alpha 1 %",
        "at most 1 % (upper 95 % bound at most 1.3 %)",
        "1 %",
        "z-test at every look; Flagger-like threshold of 98.5 %: 100 %",
        healthy,
    ),
    Row(
        9,
        "The same with three shared outages",
        "at most 1 %, and a page",
        "1 %",
        "success under 95 % three times in a row",
        outages,
    ),
    Row(
        10,
        "Requests until 1 % bad becomes 2 % is caught, 5 % share",
        "median at most 30,000, mean at most 1.35 x the limit",
        "mean 25,129",
        "one-look z-test 52,400; Kayenta-like 120,000 to 360,000",
        twice_as_bad,
    ),
    Row(
        11,
        "The same, 1 to 1.5 % and 1 to 5 %",
        "at most 1.2 x and 1.25 x the limit",
        "89,246 and 2,456",
        "mSPRT 88,000 and 2,715, at an alpha that does not hold",
        other_sizes,
    ),
    Row(
        12,
        "Healthy canary returned, heavy users that stay in their arm",
        "at most 1 %",
        "1 %",
        "counting every request",
        heavy_users,
    ),
    Row(
        13,
        "Requests until a bug is caught that begins after 500,000 good ones",
        "median at most 60,000, false at most 1 % in 1.5 million",
        "79,000, asymptotically",
        "evidence without forgetting",
        late,
    ),
    Row(
        14,
        "Requests until a safe canary is promoted, margin 1.5",
        "median at most 95,000 at 5 % and 21,000 at 50 %, wrongly at most 1 % (upper 95 % bound 1.3 %)",
        "104,000 and 22,600 (means)",
        "promoted when nothing tripped",
        safe,
    ),
)
