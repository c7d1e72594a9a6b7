"""A test of what a business counts, from rows to its end: facts as nodes tell them, outcomes as a warehouse
brings them, counts as they are gathered, and what the strategy makes of these."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from formats.evidence import Fact, FactKind
from formats.plan import Arm
from releases.models import Rollout, Route
from releases.rollout.gathering import counts_of
from releases.rollout.outcomes import taking
from releases.rollout.strategies import STRATEGIES
from releases.rollout.strategies.base import Standing, Verdict
from releases.traffic import evidence
from scoring.routing import splitter
from tests.releases.going import BASE, NEW, going
from tests.releases.units import tells

pytestmark = pytest.mark.django_db
UNITS = 11_000
WINDOW_HOURS = 24
METRICS = {"bought": {"kind": "bad_event", "direction": "higher", "window_hours": WINDOW_HOURS}}


class Trial:
    """Two versions with half of the units each; the baseline sells to three in ten."""

    def __init__(self, strategy, sells=0.4, differing=1.0):
        self.found = going({"kind": "ab_test", "shadow": False} | strategy, METRICS)
        self.rollout, self.now = self.found.rollout, datetime.now(UTC)
        Rollout.objects.filter(pk=self.rollout.pk).update(opened_at=self.now)
        self.rollout.refresh_from_db()
        route = Route.objects.get(stage__rollout=self.rollout)
        arms = [Arm(**arm) for arm in route.entry["arms"]]
        self._arm_of, self._dice = splitter(arms), Random(7)  # noqa: S311
        self._sells, self._differing = {BASE: 0.3, NEW: sells}, differing
        self.bought = []
        evidence.take(self.rollout.environment, [tells(self.rollout, *self._facts())])

    def _facts(self):
        """Units whose answers never differ are sold to as by the baseline, whichever version they have."""
        for n in range(UNITS):
            place = self.found.place_of(f"user {n}")
            version = sold_by = self._version(place)
            yield Fact(FactKind.SEEN, self.found.revision, version, 0, place)
            if self._differing < 1:
                yield Fact(FactKind.PAIRED, self.found.revision, version, NEW, place)
                if self._dice.random() < self._differing:
                    yield Fact(FactKind.DIFFERED, self.found.revision, version, NEW, place)
                else:
                    sold_by = BASE
            if self._dice.random() < self._sells[sold_by]:
                self.bought.append(f"user {n}")

    def _version(self, place):
        return (NEW, BASE)[self._arm_of(place)]

    def tell(self):
        for start in range(0, len(self.bought), taking.MOST_ITEMS):
            part = self.bought[start : start + taking.MOST_ITEMS]
            items = [{"unit": unit, "metric": "bought", "value": 1} for unit in part]
            told = taking.take(self.rollout, items, actor="system/test")
            assert {one.status for one in told} == {taking.Status.ACCEPTED}

    def decide(self, hours):
        """So long after its beginning, once a minute has summed what has closed."""
        then = self.now + timedelta(hours=hours)
        self.found.sum(then)
        counts = counts_of(self.rollout, [], then)
        begun = self.now.timestamp() - 2 * 86_400
        standing = Standing(begun=begun, since=begun)
        strategy = STRATEGIES[self.found.design.kind]
        return counts, strategy.decide(self.found.design, counts, standing, then.timestamp())


def test_a_version_that_sells_more_wins_once_its_window_has_closed():
    trial = Trial({"pair": 0})
    trial.tell()
    _, early = trial.decide(WINDOW_HOURS - 1)
    assert early.verdict is Verdict.HOLD, "every sale is there, and none of those that never came"
    counts, made = trial.decide(WINDOW_HOURS + 2)
    tallies = {arm: tally for (_, arm), tally in counts.arms.items()}
    assert sum(tally.units for tally in tallies.values()) == UNITS
    assert sum(tally.outcomes["bought"].n for tally in tallies.values()) == UNITS
    assert sum(tally.outcomes["bought"].total for tally in tallies.values()) == len(trial.bought)
    assert (made.verdict, made.arm, made.reason) == (Verdict.PROMOTE, "2", "Version 2 is better in bought.")
    assert trial.decide(WINDOW_HOURS + 2)[1] == made, "the same rows decide the same"


def test_a_version_that_sells_the_same_wins_nothing():
    trial = Trial({"pair": 0}, sells=0.3)
    trial.tell()
    _, made = trial.decide(WINDOW_HOURS + 2)
    assert made.verdict is Verdict.HOLD


def test_where_both_are_asked_changed_answers_alone_decide():
    trial = Trial({}, sells=0.6, differing=0.2)
    trial.tell()
    counts, made = trial.decide(WINDOW_HOURS + 2)
    for tally in counts.arms.values():
        assert tally.changed["bought"].n == tally.triggered < tally.paired == tally.units
    assert (made.verdict, made.arm) == (Verdict.PROMOTE, "2")
