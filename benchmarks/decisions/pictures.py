"""`python -m benchmarks.decisions.pictures`: the pictures of docs/decisions.md and docs/rollouts.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from benchmarks.decisions import adjusting, certifying, curves, ladders
from benchmarks.decisions.drawing import Frame, Line, draw
from benchmarks.decisions.rows import Dice
from benchmarks.servers import ROOT
from formats.plan import WHOLE
from releases.rollout.counts import GRAIN, Cohort, Counts, Sums
from releases.rollout.designs.design import Asked, Design, Goal, Kind, Play
from releases.rollout.evidence import adjusted, winner
from releases.rollout.evidence.cohorts import Resolution
from releases.rollout.evidence.posteriors import Pulls
from releases.rollout.strategies import bandit
from releases.rollout.strategies.base import Standing

FOLDER = ROOT / "docs"
SEED = 20_261_128
_RATES = {"C": 0.08, "B": 0.05, "A": 0.06}
_A_TICK = 250


def watching(rng: Dice) -> str:
    """Of two versions that are alike: how many experiments have named a winner by each look."""
    runs, looks = 400, 200
    pulls, rate = Pulls.none(runs, 2), np.array([0.05, 0.05])
    said = {name: np.zeros((looks + 1, runs), bool) for name in ("best", "z", "ours")}
    for look in range(1, looks + 1):
        pulls += certifying.batch(rng, pulls, rate)
        now = certifying.usual(pulls) | {"ours": winner.winners(pulls, 0.05) != winner.NOBODY}
        for name, found in now.items():
            said[name][look] = said[name][look - 1] | found
    shares = {name: (100 * found.mean(axis=1)).tolist() for name, found in said.items()}
    across = [certifying.LOOK * look for look in range(looks + 1)]
    lines = [
        Line("95 % likely the best", "other", across, shares["best"]),
        Line("z-test of 5 %", "third", across, shares["z"]),
        Line("Assay, error 5 %", "ours", across, shares["ours"]),
    ]
    frame = Frame("Two equal versions: experiments that have named a winner", "requests", " %", 0, 70)
    return draw(frame, lines, "Rules made for one look name more and more winners; Assay's stays below 5 %.")


def bandits(rng: Dice) -> str:
    """One rollout of three versions: the shares of requests, tick by tick."""
    stages = bandit.preset(Asked(("C", "B"), "A", shadow=False, pair=0.0, goal=Goal.EARN))
    play = Play(resolution=Resolution(0.0, explicit=True))
    design = Design(Kind.BANDIT, "A", ("C", "B"), stages, play=play)
    counts, standing = Counts(), Standing()
    across: list[float] = []
    shares: dict[str, list[float]] = {arm: [] for arm in _RATES}
    for tick in range(80):
        made = bandit.decide(design, counts, standing, (tick + 1) * 60.0)
        standing = made.standing
        weights = {arm: weight / WHOLE for arm, weight in made.weights}
        got = rng.multinomial(_A_TICK, [weights[arm] for arm in _RATES])
        good = rng.binomial(got, list(_RATES.values())) * GRAIN
        counts += Counts(
            cohorts={
                (tick, arm): Cohort(int(n), Sums(int(n), int(g), int(g)))
                for arm, n, g in zip(_RATES, got, good, strict=True)
            }
        )
        across.append(tick * _A_TICK)
        for arm, weight in weights.items():
            shares[arm].append(100 * weight)
    kinds = {"C": "ours", "B": "third", "A": "other"}
    lines = [
        Line(f"{arm}: brings {100 * _RATES[arm]:.0f} %", kinds[arm], across, shares[arm]) for arm in _RATES
    ]
    return draw(
        Frame("Shares of three versions in a bandit that earns", "requests", " %", 0, 100),
        lines,
        "All begin with a third; the version that brings most ends with nearly all requests.",
    )


def intervals(rng: Dice) -> str:
    """The difference of two equal versions: how well it is known, plain and adjusted by a score."""
    arms, across = [adjusting.Arm.none(1), adjusting.Arm.none(1)], []
    ends: dict[str, list[float]] = {"plain low": [], "plain high": [], "low": [], "high": []}
    for look in range(1, 101):
        arms = [arm.more(rng) for arm in arms]
        new, old = (arm.moments() for arm in arms)
        for name, how in (("plain ", adjusted.plain), ("", adjusted.adjusted)):
            found = how(new, old, adjusting.ALPHA)
            ends[f"{name}low"].append(100 * float(found.low[0]))
            ends[f"{name}high"].append(100 * float(found.high[0]))
        across.append(2.0 * adjusting.UNITS * look)
    lines = [
        Line("plain", "other", across, ends["plain high"]),
        Line("adjusted", "ours", across, ends["high"]),
        Line("", "ours", across, ends["low"]),
        Line("", "other", across, ends["plain low"]),
        Line("the truth", "third", [0.0, across[-1]], [0.0, 0.0]),
    ]
    frame = Frame("What is known of the difference, in points", "units", "", -10, 10)
    return draw(frame, lines, "Both intervals close in on no difference; the adjusted one is narrower.")


DRAWN = {
    "evidence": curves.evidence,
    "peeking": curves.peeking,
    "shadow": curves.shadow,
    "watching": watching,
    "bandit": bandits,
    "interval": intervals,
    "ladder": ladders.ladder,
    "rollback": ladders.rollback,
}
OF_ROLLOUTS = frozenset({"ladder", "rollback"})
"""Shown on that page; the others on that of decisions."""


def drawn(name: str) -> str:
    """The SVG of that name, the same every time."""
    return DRAWN[name](Generator(PCG64(SeedSequence([SEED, *name.encode()]))))


def page(name: str) -> Path:
    """Which page shows it."""
    return FOLDER / f"{'rollouts' if name in OF_ROLLOUTS else 'decisions'}.md"


def place(name: str) -> Path:
    """Where it lies: beside its page."""
    return page(name).with_name(f"{page(name).stem}-{name}.svg")


def main() -> None:
    for name in DRAWN:
        place(name).write_text(drawn(name))


if __name__ == "__main__":
    main()
