"""What a page tells of a rollout is what its rules would do: nothing here decides anything else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from releases.rollout.counts import Counts, Discordant, Pairs, Seen, Spell, Tally, Ticks
from releases.rollout.designs.design import Design
from releases.rollout.designs.metrics import LATENCY, Threshold
from releases.rollout.documents.document import parse
from releases.rollout.overview import AGAINST, FOR, Overview, overview
from releases.rollout.strategies import STRATEGIES, steps
from releases.rollout.strategies.base import Aim, Standing, Verdict

CANARY = parse({"kind": "canary"}, challenger="7", baseline="6")
NODES = {"node-1": Ticks(3, 3)}


def spell(stage: int, design: Design = CANARY) -> Spell:
    return Spell(stage, steps.weights_at(design, Standing(stage=stage)))


def shadowed(units: int, new: int = 0, old: int = 0, differing: int = 0) -> Counts:
    pairs = Pairs(units, differing, {"errors": Discordant(new, old)})
    return Counts(pairs={(spell(0), "7"): pairs}, nodes=NODES)


def answered(stage: int, new: Tally, old: Tally, before: Counts | None = None) -> Counts:
    arms = {(spell(stage), "7"): new, (spell(stage), "6"): old}
    return Counts(arms=arms, nodes=NODES) if before is None else replace(before, arms=arms)


def seen(counts: Counts, stage: int = 0, for_s: float = 60.0) -> Overview:
    return overview(CANARY, counts, Standing(stage=stage), for_s)


def test_what_would_be_decided_is_what_its_strategy_decides():
    counts, standing = (
        answered(2, Tally(1_200, {"errors": 9}), Tally(22_000, {"errors": 3})),
        Standing(stage=2),
    )
    told = overview(CANARY, counts, standing, 60.0)
    assert told.made == STRATEGIES[CANARY.kind].decide(CANARY, counts, standing, 60.0)
    assert told.made.verdict is Verdict.ROLL_BACK


def test_in_a_shadow_pairs_alone_speak_and_do_so_before_the_first():
    told = seen(Counts())
    assert {each.aim for each in told.findings((*AGAINST, *FOR), "7")} == {
        Aim.WORSE_IN_PAIRS,
        Aim.SAFE_IN_PAIRS,
    }
    assert [each.metric for each in told.findings((Aim.SAFE_IN_PAIRS,), "7")] == [
        "errors", "timeouts", "invalid_outputs",
    ]  # fmt: skip


@pytest.mark.parametrize("units", [0, 500, 3_000])
def test_so_many_clean_pairs_as_are_said_to_be_missing_are_enough_and_one_less_is_not(units):
    missing = seen(shadowed(units)).promote
    more = {each.finding.metric: each.more for each in missing}
    assert len(set(more.values())) == 1
    enough = more["errors"]
    assert seen(shadowed(units + enough), for_s=601).made.verdict is Verdict.MOVE
    assert seen(shadowed(units + enough - 1), for_s=601).made.verdict is Verdict.HOLD


@pytest.mark.parametrize(("new", "old"), [(0, 0), (2, 0), (3, 2)])
def test_so_many_bad_pairs_as_are_said_to_return_it_do_and_one_less_does_not(new, old):
    errors = next(each for each in seen(shadowed(900, new, old)).returns if each.finding.metric == "errors")
    assert seen(shadowed(900, new + errors.more, old)).made.verdict is Verdict.ROLL_BACK
    assert seen(shadowed(900, new + errors.more - 1, old)).made.verdict is Verdict.HOLD


def test_so_many_bad_units_as_are_said_to_return_it_do_and_one_less_does_not():
    def at(errors: int) -> Overview:
        return seen(answered(2, Tally(1_200, {"errors": errors}), Tally(22_000, {"errors": 3})), 2)

    more = next(each.more for each in at(1).returns if each.finding.metric == "errors")
    assert at(1 + more).made.verdict is Verdict.ROLL_BACK
    assert at(more).made.verdict is Verdict.HOLD


def test_what_is_shown_is_missing_no_more():
    told = seen(answered(4, Tally(60_000), Tally(60_000)), 4, 601)
    assert told.promote == ()
    assert told.made.verdict is Verdict.PROMOTE


def test_what_cannot_be_reached_is_not_promised():
    """Where the baseline has no units left, nothing is compared any more."""
    all_new = parse({"kind": "blue_green", "holdback": 0.0, "shadow": False}, challenger="7", baseline="6")
    told = overview(all_new, Counts(nodes=NODES), Standing(), 60.0)
    assert {each.more for each in told.returns} == {None}


def test_an_ended_rollout_lacks_nothing_and_nobody_waits_for_it():
    ended = Standing(stage=4, ended=Verdict.PROMOTE, kept="7")
    told = overview(CANARY, Counts(nodes=NODES), ended, 60.0)
    assert (told.going, told.promote, told.returns) == (False, (), ())
    assert {arm.name: arm.share for arm in told.arms} == {"7": 1.0, "6": 0.0}


def test_how_long_a_stage_still_lasts():
    assert (seen(Counts()).left, seen(Counts()).asks_in) == (540.0, 86_340.0)
    assert (seen(Counts(), for_s=90_000).left, seen(Counts(), for_s=90_000).asks_in) == (0.0, 0.0)


def test_versions_are_told_with_their_units_rates_and_pairs_over_all_spells():
    slow = replace(CANARY.metrics[-1], thresholds=(Threshold("p99", 12.0, 0.01),))
    design = replace(CANARY, metrics=(*CANARY.metrics[:-1], slow))
    first = answered(1, Tally(100, {"errors": 1}), Tally(9_900))
    second = answered(
        2, Tally(500, slow={LATENCY: {"p99": Seen(500, 9)}}), Tally(9_500), shadowed(3_000, 2, 1, 20)
    )
    told = overview(design, first + second, Standing(stage=2), 60.0, {"7": 0.01, "6": 0.99})
    new, old = told.arms
    assert (new.units, new.share, new.paired, new.differing) == (600, 0.01, 3_000, 20)
    assert (new.bad[0].rate, new.bad[0].only_new, new.bad[0].only_old) == (1 / 600, 2, 1)
    assert [(each.ms, each.units, each.of) for each in new.slow] == [(12.0, 9, 500)]
    assert (old.units, old.baseline, old.bad[0].units) == (19_400, True, 0)
