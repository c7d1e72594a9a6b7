"""Rows 6 and 7: naming the best arm, wrongly where there is none, and how soon where there is one."""

from __future__ import annotations

from math import log

import numpy as np

from benchmarks.decisions.rows import Dice, Found, Row, median
from releases.rollout.evidence import propensity, winner
from releases.rollout.evidence.playing import wanted
from releases.rollout.evidence.posteriors import Beta, Pulls
from releases.statistics.arrays import Floats

HORIZON, LOOK = 100_000, 100
TWO = np.array([0.06, 0.05])
FIVE = np.array([0.5] + [0.4] * 4)


def of_equals(rng: Dice, quick: bool) -> Found:
    """Two arms at 5 %, looked at every hundred requests."""
    runs = 100 if quick else 1000
    found = {
        **_declared(rng, runs, "even", certify=True),
        **_declared(rng, runs, "earning", certify=True),
        **_declared(rng, 50 if quick else 200, "usual", certify=False, every=10 if quick else 1),
    }
    worst5, worst1 = (max(found[f"{name}_{d}"] for name in ("even", "earning")) for d in (0.05, 0.01))
    return Found(
        f"{100 * worst5:.1f} % at delta 5 %, {100 * worst1:.1f} % at 1 %",
        worst5 <= 0.05 and worst1 <= 0.01,
        found,
    )


def _declared(rng: Dice, runs: int, name: str, certify: bool, every: int = 1) -> dict[str, float]:
    """The share of runs in which anything was ever declared, by each rule that is asked."""
    pulls, rate = Pulls.none(runs, 2), np.array([0.05, 0.05])
    ever: dict[str, np.ndarray] = {}
    for look in range(HORIZON // LOOK):
        pulls += batch(rng, pulls, rate, _drawn(rng, pulls) if name == "earning" else None)
        if look % every == 0:
            now = _certified(pulls) if certify else usual(pulls)
            ever = {rule: ever.get(rule, np.zeros(runs, bool)) | said for rule, said in now.items()}
    return {f"{name}_{rule}": float(said.mean()) for rule, said in ever.items()}


def _certified(pulls: Pulls) -> dict[str, np.ndarray]:
    return {str(delta): winner.winners(pulls, delta) != winner.NOBODY for delta in (0.05, 0.01)}


def usual(pulls: Pulls) -> dict[str, np.ndarray]:
    """P(best) above 95 %; a z-test of 5 % at every look."""
    units, means = np.maximum(pulls.units, 1), pulls.means
    error = np.sqrt((means * (1 - means) / units).sum(axis=1))
    gap = np.abs(means[:, 0] - means[:, 1])
    return {"best": propensity.best(Beta.of(pulls)).max(axis=1) > 0.95, "z": gap > 1.96 * error}


def _drawn(rng: Dice, pulls: Pulls) -> Floats:
    """How many of a batch each arm gets: a draw of the posterior for each request of it."""
    posterior = Beta.of(pulls)
    draws = [posterior.draw(rng).argmax(axis=1) for _ in range(LOOK)]
    first = np.sum([arms == 0 for arms in draws], axis=0)
    return np.stack([first, LOOK - first], axis=1).astype(float)


def batch(rng: Dice, pulls: Pulls, means: Floats, units: Floats | None = None) -> Pulls:
    """The next requests, a hundred of them evenly where nobody says how many each arm gets."""
    if units is None:
        even = np.full(len(means), 1 / len(means))
        units = rng.multinomial(LOOK, even, len(pulls.units)).astype(float)
    return Pulls.counted(units, rng.binomial(units.astype(int), means).astype(float))


def of_different(rng: Dice, quick: bool) -> Found:
    runs = 100 if quick else 1000
    two, wrong_two = _decided(rng, TWO, runs, LOOK)
    five, wrong_five = _decided(rng, FIVE, 50 if quick else 400, LOOK // 5)
    by_two, by_five = two / least(TWO), five / least(FIVE)
    words = (
        f"{two:,.0f} ({by_two:.2f} x), wrong {wrong_two:.1%}; "
        f"five arms {five:,.0f} ({by_five:.2f} x), wrong {wrong_five:.1%}"
    ).replace("%", " %")
    reached = by_two <= 2.0 and by_five <= 2.8 and max(wrong_two, wrong_five) <= 0.05
    return Found(words, reached, {"two": two, "five": five, "wrong": [wrong_two, wrong_five]})


def _decided(rng: Dice, means: Floats, runs: int, tick: int, delta: float = 0.05) -> tuple[float, float]:
    """The median of requests until a winner is named, under top-two shares, and how often it is wrong."""
    pulls = Pulls.none(runs, len(means))
    at, named = np.full(runs, np.inf), np.full(runs, winner.NOBODY)
    for look in range(1, 4 * HORIZON // tick):
        open_ = np.flatnonzero(named == winner.NOBODY)
        if not len(open_):
            break
        some = _rows(pulls, open_)
        shares = wanted(some, deciding=True)
        units = rng.multinomial(tick, shares / shares.sum(axis=1, keepdims=True)).astype(float)
        some += batch(rng, some, means, units)
        pulls = _put(pulls, open_, some)
        named[open_] = winner.winners(some, delta)
        at[open_[named[open_] != winner.NOBODY]] = look * tick
    return median(at), float((named > 0).mean())


def _rows(pulls: Pulls, rows: np.ndarray) -> Pulls:
    return Pulls(pulls.units[rows], pulls.total[rows], pulls.squares[rows])


def _put(pulls: Pulls, rows: np.ndarray, some: Pulls) -> Pulls:
    for name in ("units", "total", "squares"):
        getattr(pulls, name)[rows] = getattr(some, name)
    return pulls


def least(means: Floats, delta: float = 0.05) -> float:
    """Requests that no rule can do without on average: Garivier and Kaufmann, COLT 2016, theorem 1.

    For a best arm beside others that are all alike: the share of the best one is what is looked for.
    """
    certain = delta * log(delta / (1 - delta)) + (1 - delta) * log((1 - delta) / delta)
    others = len(means) - 1
    rates = []
    for best in np.linspace(0.01, 0.99, 981):
        units = np.array([best, (1 - best) / others])
        rates.append(float(winner.costs(Pulls.counted(units, units * means[:2]))[0, 1]))
    return certain / max(rates)


ROWS = (
    Row(
        6,
        "A winner among two equal arms at 5 %, 100,000 requests, looked at 1,000 times",
        "≤ 5 % at delta 5 %, ≤ 1 % at 1 %",
        "delta",
        "P(best) > 95 %: 75 %; z-test of 5 % at each look: 51 %",
        of_equals,
    ),
    Row(
        7,
        "Median requests until the right winner is named, .05/.06; five arms .5/4 x .4; delta 5 %",
        "≤ 2.0 x the limit, five arms ≤ 2.8 x; wrong ≤ 5 %",
        f"{least(TWO):,.0f}; five arms {least(FIVE):,.0f}",
        "shares that only earn: above 400,000",
        of_different,
    ),
)
