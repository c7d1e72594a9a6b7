"""Pictures of canaries from their first unit to their end, played by the strategy itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log

from benchmarks.decisions.drawing import Frame, Line, draw
from benchmarks.decisions.rows import Dice
from formats.plan import WHOLE
from releases.rollout.counts import Counts, Discordant, Pairs, Spell, Tally
from releases.rollout.designs.design import Asked, Design, Kind, StageKind
from releases.rollout.designs.metrics import ERRORS, GUARDRAILS, INVALID, TIMEOUTS
from releases.rollout.strategies import canary
from releases.rollout.strategies.base import Aim, Decision, Standing, Verdict, key

NEW, OLD = "8", "7"
UNITS = 1000
"""New ones a minute."""
USUAL = 0.005
"""So many units meet an error with the live version, whatever is done."""
BAD = 0.02
"""Of a version that errs four times as often."""
AFTER = 20
"""Minutes that are drawn once it has ended."""
MOST = 24 * 60


@dataclass
class Canary:
    """One rollout. `rate` of its version's units meet an error, in the shadow and after."""

    rate: float
    shadow: bool = True
    counts: Counts = field(default_factory=Counts)
    standing: Standing = field(default_factory=Standing)
    minutes: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    evidence: list[float] = field(default_factory=list)
    enough: float = 0.0

    def play(self, rng: Dice) -> Canary:
        stages = canary.preset(Asked((NEW,), OLD, shadow=self.shadow))
        design = Design(Kind.CANARY, OLD, (NEW,), stages, GUARDRAILS)
        left = AFTER
        for minute in range(MOST):
            made = canary.decide(design, self.counts, self.standing, minute * 60.0)
            self._note(minute, made)
            self.standing = made.standing
            left -= made.standing.ended is not None
            if left < 0:
                break
            self._ask(rng, design, made)
        return self

    def _note(self, minute: int, made: Decision) -> None:
        share = dict(made.weights)[NEW] / WHOLE
        worse = key(Aim.WORSE, ERRORS, NEW)
        self.minutes.append(float(minute))
        self.shares.append(100 * share)
        found = next(each for each in made.evidence if each.key == worse)
        self.evidence.append(found.log_e / log(10))
        self.enough = found.threshold / log(10)

    def _ask(self, rng: Dice, design: Design, made: Decision) -> None:
        if self.standing.ended in (Verdict.PROMOTE, Verdict.ROLL_BACK):
            return
        spell = Spell(self.standing.stage, made.weights)
        if design.stages[self.standing.stage].kind is StageKind.SHADOW:
            new, old = (int(rng.binomial(UNITS, rate)) for rate in (self.rate, USUAL))
            alone = {ERRORS: Discordant(new, old), TIMEOUTS: Discordant(), INVALID: Discordant()}
            self.counts += Counts(pairs={(spell, NEW): Pairs(UNITS, bad=alone)})
            return
        given = int(rng.binomial(UNITS, spell.share(NEW)))
        arms = ((NEW, given, self.rate), (OLD, UNITS - given, USUAL))
        self.counts += Counts(
            arms={
                (spell, arm): Tally(units, bad={ERRORS: int(rng.binomial(units, rate))})
                for arm, units, rate in arms
            }
        )


def ladder(rng: Dice) -> str:
    """A version that is as good, all the way."""
    good = Canary(USUAL).play(rng)
    hours = [minute / 60 for minute in good.minutes]
    return draw(
        Frame("Units that the new version answers: a canary of one that is as good", "hours", " %", 0, 100),
        [Line("the new version", "ours", hours, good.shares)],
        "Nobody in the shadow, then steps of 1, 5, 25 and 50 percent, each after its time; then everybody.",
    )


def rollback(rng: Dice) -> str:
    """A version that errs more often, with its shadow left out."""
    bad = Canary(BAD, shadow=False).play(rng)
    return draw(
        Frame("Times likelier that it errs more often than not", "minutes", "", -1, 4, tenfold=True),
        [
            Line("evidence", "other", bad.minutes, bad.evidence),
            Line("enough: it goes back", "third", [0.0, bad.minutes[-1]], [bad.enough, bad.enough]),
        ],
        "Evidence lies low at 1 percent of the units, grows at 5 percent, and at 417 to 1 it goes back.",
    )
