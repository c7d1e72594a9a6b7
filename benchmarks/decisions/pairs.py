"""Rows 16, 25 and 27: both answers to the same request are known."""

from __future__ import annotations

from math import log

from benchmarks.decisions.rows import Dice, Found, Row, median, percent, shares_of
from benchmarks.decisions.streams import BAR, Stream, counted, divergence, holds, mixed, passages, streams
from releases.rollout.evidence import paired, split
from releases.rollout.evidence.mixture import Array


def from_pairs(stream: Stream) -> Array:
    return paired.log_worse(stream.new, stream.old)


def shadow(rng: Dice, quick: bool) -> Found:
    """Row 16: right in 88 % instead of 90 %, the two disagree in 6 %."""
    runs = 400 if quick else 4000
    limit = BAR / (0.06 * divergence(2 / 3, 0.5))
    found = passages(streams(rng, runs, 30_000, 0.06, 2 / 3), from_pairs)
    false = counted(passages(streams(rng, runs, 100_000, 0.06, 0.5), from_pairs, horizon=100_000))
    middle = median(found)
    return Found(
        f"median {middle:,.0f}, false {shares_of(false, runs)}",
        middle <= 1.2 * limit and holds(false, runs),
        {"median": middle, "limit": limit, "false": false, "runs": runs},
    )


def changed(rng: Dice, quick: bool) -> Found:
    """Row 25: a reward of 5 % becomes 8 % where answers differ, which is in a tenth; 5 % everywhere else."""
    runs, horizon = (200 if quick else 2000), 400_000

    def better(stream: Stream) -> Array:
        return split.log_worse(stream.new[..., None], stream.old[..., None], [0.5], split.FINE)

    rate, side = mixed(0.5, 0.08, 0.05)
    limit = BAR / (0.1 * rate * divergence(side, 0.5))
    found = passages(streams(rng, runs, horizon, 0.1 * rate, side), better, horizon=horizon)
    false = counted(passages(streams(rng, runs, horizon, 0.1 * 0.05, 0.5), better, horizon=horizon))
    everybody = mixed(0.5, 0.053, 0.05)
    plain = passages(streams(rng, min(runs, 200), horizon, *everybody), better, horizon=horizon)
    return Found(
        f"median {median(found):,.0f}, decided {percent(counted(found) / runs, 0)}, false"
        f" {shares_of(false, runs)}; all units: decided {percent(counted(plain) / len(plain))}",
        median(found) <= 36_000 and holds(false, runs),
        {"median": median(found), "limit": limit, "false": false, "runs": runs, "plain": counted(plain)},
    )


def unexposed(rng: Dice, quick: bool) -> Found:
    """Row 27: errors of 1 % become 2 %, found in mirrored requests: the old ones among them, or others."""
    runs, fair = (400, 400) if quick else (4000, 20_000)
    only_new, only_old = 0.02 * 0.99, 0.01 * 0.98
    nested = passages(streams(rng, runs, 20_000, 0.01, 1.0), from_pairs)
    both = only_new + only_old
    others = passages(streams(rng, runs, 60_000, both, only_new / both), from_pairs)
    false = counted(passages(streams(rng, fair, 100_000, 2 * 0.01 * 0.99, 0.5), from_pairs, horizon=100_000))
    halfway = median(nested), median(others)
    return Found(
        f"{halfway[0]:,.0f} and {halfway[1]:,.0f} mirrored requests, false {shares_of(false, fair)},"
        " no client was answered badly",
        max(halfway) <= 3000 and holds(false, fair),
        {"medians": halfway, "false": false, "runs": runs, "fair": fair},
    )


ROWS = (
    Row(
        16,
        "Pairs in a shadow until 90 % right becomes 88 % is caught, 6 % of answers differ",
        "at most 1.2 x the limit, false at most 1 %",
        f"{log(100) / (0.06 * divergence(2 / 3, 0.5)):,.0f} paired, 9,005 unpaired",
        "A/B test without pairs: at least 9,005",
        shadow,
    ),
    Row(
        25,
        "A/B with both answers known: a tenth differs, reward .05 to .08 there, 400,000 requests",
        "median at most 36,000, false at most 1 %",
        "26,300",
        "the same rule on all units",
        changed,
    ),
    Row(
        27,
        "Mirrored requests until errors of 1 % become 2 % are caught, before any client is exposed",
        "at most 3,000, false at most 1 %",
        "700 nested, 2,750 independent",
        "5 % canary: 28,600 requests, 16 users harmed",
        unexposed,
    ),
)
