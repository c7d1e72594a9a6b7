"""What other shares would have brought: by counts alone, with a sentence where they cannot say."""

from __future__ import annotations

import numpy as np
import pytest

from formats.plan import WHOLE
from registry.errors import BadInput
from releases.rollout import whatif
from releases.rollout.counts import Counts, Spell, Sums, Tally
from releases.rollout.designs.design import Kind
from releases.rollout.designs.metrics import GUARDRAILS, Direction, Metric, MetricKind
from tests.unit.rollout.rollouts import NEW, OLD, design

BOUGHT = Metric("bought", direction=Direction.HIGHER)
PLAN = design(Kind.AB_TEST, metrics=(*GUARDRAILS, BOUGHT))
MEANS = {NEW: 0.3, OLD: 0.1}


def spell(share):
    new = round(share * WHOLE)
    return Spell(1, ((NEW, new), (OLD, WHOLE - new)))


def logged(*told):
    """(share of the new version, units): as many came of each version as were to, and as many bought."""
    arms = {}
    for share, units in told:
        for arm, part in ((NEW, share), (OLD, 1 - share)):
            many = round(units * part)
            good = round(many * MEANS[arm])
            if many:
                arms[spell(share), arm] = Tally(
                    many, outcomes={"bought": Sums.of([1.0] * good + [0.0] * (many - good))}
                )
    return Counts(arms=arms)


def asked(counts, *policies):
    return whatif.answers(PLAN, counts, BOUGHT, policies or whatif.usual(PLAN))


def test_each_version_alone_is_answered_from_shares_that_moved():
    new, old, alike = asked(logged((0.5, 4000), (0.9, 4000)))

    for answer, mean in ((new, 0.3), (old, 0.1), (alike, 0.2)):
        found = answer.estimates
        for each in (found.ips, found.snips, found.dr):
            assert each.value == pytest.approx(mean, abs=1e-3)
            assert each.low < mean < each.high
    assert new.policy.name == f"all to version {NEW}"
    assert old.estimates.effective < new.estimates.effective


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Units drawn at random, given by shares that moved: 95 of 100 intervals hold each version's mean."""
    rng, held = np.random.default_rng(5), 0
    for _ in range(300):
        arms = {}
        for share, units in ((0.5, 1500), (0.8, 1500)):
            given = rng.random(units) < share
            for arm, mine in ((NEW, given), (OLD, ~given)):
                good = rng.random(int(mine.sum())) < MEANS[arm]
                arms[spell(share), arm] = Tally(len(good), outcomes={"bought": Sums.of(good.astype(float))})
        (answer,) = asked(Counts(arms=arms), whatif.Policy("old", {OLD: 1.0}))
        held += answer.estimates.dr.low <= MEANS[OLD] <= answer.estimates.dr.high
    assert 0.91 < held / 300 < 0.99


def test_a_version_that_had_no_share_is_not_spoken_for():
    new, old, _ = asked(logged((0.0, 4000), (0.5, 4000)))

    assert (new.estimates, old.refusal) == (None, "")
    assert new.refusal.startswith(f"Version {NEW} had no share while some of these units came")


def test_too_few_units_say_nothing():
    new, *_ = asked(logged((0.02, 2000)))

    assert new.estimates is None
    assert "as well as 40 units would, and it takes 100" in new.refusal


def test_nothing_known_is_said_to_be_so():
    assert {answer.refusal for answer in asked(Counts())} == {whatif.NOT_KNOWN}
    assert whatif.as_it_was(whatif.groups(PLAN, Counts(), BOUGHT)).n == 0


def test_as_it_was_is_the_mean_of_all():
    was = whatif.as_it_was(whatif.groups(PLAN, logged((0.5, 4000)), BOUGHT))
    assert (was.n, was.mean) == (4000, pytest.approx(0.2))


@pytest.mark.parametrize("text", ["", "8:1.5", "8:0.5", "8:x, 7:1", "9:1", "8:0.5, 8:0.5", "8"])
def test_shares_that_cannot_be_are_refused(text):
    with pytest.raises(BadInput) as refused:
        whatif.asked(PLAN, text)
    assert refused.value.facts["field"] == "shares"


def test_shares_are_asked_about_as_they_are_written():
    assert whatif.asked(PLAN, f"{NEW}: 0.25,{OLD}:0.75").shares == {NEW: 0.25, OLD: 0.75}


def test_the_metric_is_one_of_units():
    basket = Metric("basket", MetricKind.RATIO)
    with pytest.raises(BadInput, match="Nothing is counted"):
        whatif.metric_of(design(Kind.CANARY, metrics=(*GUARDRAILS, basket)))
    with pytest.raises(BadInput, match="a metric of this rollout: bought"):
        whatif.metric_of(PLAN, "errors")
    assert whatif.metric_of(PLAN) == BOUGHT
