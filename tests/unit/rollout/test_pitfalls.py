"""What goes wrong with evidence elsewhere, each once, against the strategies themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from formats.plan import WHOLE
from releases.rollout.counts import Counts, Seen, Spell, Sums, Tally
from releases.rollout.designs.design import Ends, Kind, Stage, StageKind, weights
from releases.rollout.designs.metrics import (
    ERRORS,
    GUARDRAILS,
    LATENCY,
    Action,
    Metric,
    MetricKind,
    Threshold,
    alpha_of,
)
from releases.rollout.evidence import bounded, paired
from releases.rollout.strategies import STRATEGIES, judging, steps
from releases.rollout.strategies.base import Aim, Standing, Verdict
from tests.unit.rollout.rollouts import (
    BOUGHT,
    NEW,
    OLD,
    at,
    design,
    paired_counts,
    spell,
    split_counts,
)

DAY = 86_400.0


def decide(plan, counts, standing=None, now=0.0):
    return STRATEGIES[plan.kind].decide(plan, counts, standing or Standing(), now)


def finding(made, aim, metric=ERRORS, arm=NEW):
    return next(f for f in made.evidence if (f.aim, f.metric, f.arm) == (aim, metric, arm))


def canary(**changes):
    return design(Kind.CANARY, shadow=False, **changes)


LIMITED = (replace(GUARDRAILS[0], limit=0.05), *GUARDRAILS[1:])


def test_a_shared_outage_pages_and_returns_nobody():
    """Both arms fifty times as bad: the coin stays the coin."""
    plan = canary(metrics=LIMITED)
    made = decide(plan, split_counts(plan, 1, 4000, new={ERRORS: 100}, old={ERRORS: 1900}), at(1))
    assert made.verdict is Verdict.HOLD
    assert any("errors" in alert for alert in made.alerts)
    calm = decide(plan, split_counts(plan, 1, 4000, new={ERRORS: 1}, old={ERRORS: 19}), at(1))
    assert calm.alerts == ()


def test_a_bot_is_one_unit():
    """A unit with a hundred thousand errors is one bad unit, and one bad unit returns nobody."""
    plan = canary()
    assert decide(plan, split_counts(plan, 1, 4000, new={ERRORS: 1}), at(1)).verdict is Verdict.HOLD


def test_once_reached_a_threshold_stands():
    """The latch: evidence that falls later does not bring a version back."""
    plan = canary()
    found = decide(plan, split_counts(plan, 3, 4000, new={ERRORS: 60}, old={ERRORS: 20}), at(3))
    assert found.verdict is Verdict.ROLL_BACK
    later = replace(found.standing, ended=None)
    again = decide(plan, split_counts(plan, 3, 40000, new={ERRORS: 62}, old={ERRORS: 62}), later)
    assert again.verdict is Verdict.ROLL_BACK
    assert (
        finding(again, Aim.WORSE).log_e < finding(again, Aim.WORSE).threshold < finding(again, Aim.WORSE).peak
    )


def test_events_count_for_the_share_their_units_were_assigned_by():
    """A unit of the 1 % stage that fails during the 50 % one is evidence of the former."""
    plan = canary()
    early = Counts(arms={(spell(plan, 0), NEW): Tally(units=400, bad={ERRORS: 6})})
    late = Counts(arms={(spell(plan, 3), NEW): Tally(units=400, bad={ERRORS: 6})})
    assert decide(plan, early, at(3)).verdict is Verdict.ROLL_BACK
    assert decide(plan, late, at(3)).verdict is Verdict.HOLD


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_nothing_or_all_says_nothing(share):
    plan = canary()
    odd = Spell(0, weights(((NEW, share),), plan.arms))
    made = decide(plan, Counts(arms={(odd, NEW): Tally(900, bad={ERRORS: 50}), (odd, OLD): Tally(9)}))
    assert finding(made, Aim.WORSE).log_e == pytest.approx(0)
    assert finding(made, Aim.UNBALANCED, "units", "").log_e == 0


def test_an_arm_without_traffic_is_never_promoted():
    plan = canary()
    made = decide(plan, Counts(arms={(spell(plan, 3), OLD): Tally(90_000)}), at(3), DAY)
    assert (made.verdict, made.proposed) != (Verdict.PROMOTE, None)


def test_every_unit_bad_in_both_arms_is_no_difference():
    """p = 1: nothing overflows, nothing is found but a reason to page."""
    plan = canary(metrics=LIMITED)
    made = decide(plan, split_counts(plan, 3, 2000, new={ERRORS: 1000}, old={ERRORS: 1000}), at(3))
    assert made.verdict is Verdict.HOLD
    assert made.alerts


def test_a_clean_version_is_promoted_by_its_clean_units():
    """Without a single bad event the coin learns nothing; enough clean units are evidence too."""
    plan = canary()
    few, enough = (decide(plan, split_counts(plan, 3, units), at(3), 3600.0) for units in (9000, 9400))
    assert few.verdict is Verdict.HOLD
    assert enough.verdict is Verdict.PROMOTE


def test_what_is_rare_is_safe_only_where_less_of_it_is_better():
    """A version that sells nothing is not as good as one without faults."""
    bought = replace(BOUGHT, action=Action.HOLD)
    made = decide(canary(metrics=(*GUARDRAILS, bought)), split_counts(canary(), 3, 20_000), at(3), 3600.0)
    assert finding(made, Aim.SAFE).reached
    assert not finding(made, Aim.SAFE, "bought").reached
    assert made.verdict is Verdict.HOLD


def test_one_unsafe_metric_keeps_a_version_from_being_promoted():
    plan = canary()
    made = decide(
        plan, split_counts(plan, 3, 90_000, new={"timeouts": 300}, old={"timeouts": 200}), at(3), 3600.0
    )
    assert made.verdict is not Verdict.PROMOTE


def test_a_slow_version_is_held_and_not_returned():
    """Latency holds unless a policy says more; the 2 x 2 counts of each threshold are the evidence."""
    slow = replace(GUARDRAILS[3], thresholds=(Threshold("p99", 20.0, 0.01), Threshold("p50", 5.0, 0.5)))
    plan = canary(metrics=(*GUARDRAILS[:3], slow))
    key = spell(plan, 3)
    seen = {
        NEW: Tally(9000, slow={LATENCY: {"p99": Seen(9000, 400)}}),
        OLD: Tally(9000, slow={LATENCY: {"p99": Seen(9000, 90)}}),
    }
    made = decide(plan, Counts(arms={(key, arm): tally for arm, tally in seen.items()}), at(3), 3600.0)
    assert finding(made, Aim.WORSE, LATENCY).reached
    assert made.verdict is Verdict.HOLD
    assert "latency" in made.reason
    strict = replace(plan, metrics=(*GUARDRAILS[:3], replace(slow, action=Action.ROLL_BACK)))
    counts = Counts(arms={(key, arm): tally for arm, tally in seen.items()})
    assert decide(strict, counts, at(3)).verdict is Verdict.ROLL_BACK


def test_latency_without_thresholds_says_nothing():
    assert finding(decide(canary(), Counts()), Aim.WORSE, LATENCY).log_e == 0


def test_unbalanced_arms_are_never_promoted_but_still_return():
    plan = canary()
    key = spell(plan, 3)
    skewed = Counts(arms={(key, NEW): Tally(20_000), (key, OLD): Tally(24_000)})
    made = decide(plan, skewed, at(3), 3600.0)
    assert made.verdict is Verdict.HOLD
    assert "units they should" in made.reason
    assert made.alerts
    bad = skewed + Counts(arms={(key, NEW): Tally(bad={ERRORS: 90}), (key, OLD): Tally(bad={ERRORS: 9})})
    assert decide(plan, bad, at(3)).verdict is Verdict.ROLL_BACK


def test_a_selection_among_triggered_units_is_seen():
    """An arm that loses more mirrors leaves fewer triggered units: the drop must not select."""
    plan = canary()
    key = spell(plan, 3)
    made = decide(
        plan,
        Counts(arms={(key, NEW): Tally(30_000, triggered=2000), (key, OLD): Tally(30_000, triggered=3000)}),
        at(3),
    )
    assert finding(made, Aim.UNBALANCED, "triggered", "").reached
    assert made.verdict is Verdict.HOLD


def test_units_answered_by_two_arms_are_told():
    plan = canary()
    assert "3 units" in decide(plan, Counts(crossed=3)).alerts[0]


def test_one_of_two_versions_is_taken_out_and_the_other_goes_on():
    plan = design(Kind.AB_TEST, challengers=("8", "9"), shadow=False)
    key = spell(plan, 0)
    counts = Counts(
        arms={(key, "8"): Tally(1000, bad={ERRORS: 60}), (key, OLD): Tally(1000, bad={ERRORS: 5})}
    )
    made = decide(plan, counts)
    assert (made.verdict, made.arm, made.standing.ended) == (Verdict.ROLL_BACK, "8", None)
    assert made.standing.removed == ("8",)
    assert dict(made.weights)["8"] == 0
    assert dict(made.weights)["9"] > 0
    assert "8" not in dict(made.mirrors)
    assert decide(plan, counts, made.standing).verdict is Verdict.HOLD, "it is gone already"
    both = counts + Counts(arms={(key, "9"): Tally(1000, bad={ERRORS: 60})})
    assert decide(plan, both, made.standing).verdict is Verdict.ROLL_BACK


def test_what_an_arm_leaves_is_the_baselines_where_it_lay():
    """So the stages that follow move nobody of the others either."""
    plan = design(Kind.AB_TEST, challengers=("8", "9"), shadow=False)
    before = steps.stretches_at(plan, Standing())
    after = steps.stretches_at(plan, Standing(removed=("8",)))
    assert [arm for arm, _ in after] == [OLD, "9", OLD]
    assert [weight for _, weight in after] == [weight for _, weight in before]
    weights = dict(steps.weights_at(plan, Standing(removed=("8",))))
    assert (weights["8"], sum(weights.values())) == (0, WHOLE)


def test_alpha_is_spent_by_weight_over_metrics_versions_and_channels():
    spent = {metric.name: alpha_of(metric, GUARDRAILS, 0.01) for metric in GUARDRAILS}
    assert sum(spent.values()) == pytest.approx(0.01)
    assert spent[ERRORS] == pytest.approx(2 * spent["timeouts"])
    one, two = canary(), design(Kind.AB_TEST, challengers=("8", "9"))
    bounds = [judging.worse_threshold(plan, GUARDRAILS[0], Aim.WORSE) for plan in (one, two)]
    assert bounds[1] - bounds[0] == pytest.approx(0.6931, abs=1e-3)


# --- late trouble, and no comparison at all -------------------------------------------------------------


def test_trouble_that_begins_late_is_found_sooner_than_by_the_plain_evidence():
    plan = canary(onset_ticks=1000)
    standing, counts, verdicts = at(1), Counts(), []
    for tick in range(160):
        bad = 1 if tick < 140 else 5
        counts = counts + split_counts(plan, 1, 2000, new={ERRORS: bad}, old={ERRORS: 19})
        made = decide(plan, counts, standing)
        verdicts.append(made.verdict)
        standing = made.standing
        if made.verdict is Verdict.ROLL_BACK:
            break
    assert set(verdicts[:-1]) == {Verdict.HOLD}
    assert verdicts[-1] is Verdict.ROLL_BACK
    assert finding(made, Aim.ONSET).reached
    assert not finding(made, Aim.WORSE).reached
    quiet = decide(plan, counts, replace(standing, ended=None))
    assert quiet.standing.onset == standing.onset, "a tick in which nothing was counted is no step"


def before(metrics=GUARDRAILS, requests=100_000, bad=100):
    """The metrics with what the version that was live came to."""
    return tuple(replace(metric, before=Seen(requests, bad)) for metric in metrics)


def alone(plan, requests, bad, metric=ERRORS, units=None):
    key = Spell(0, weights(((NEW, 1.0),), plan.arms))
    met = Tally(requests if units is None else units, bad={metric: bad}, requests=requests)
    return Counts(arms={(key, NEW): met})


def test_a_single_release_returns_by_itself_on_failures_of_its_own():
    plan = design(Kind.SINGLE, metrics=before())
    made = decide(plan, alone(plan, 10_000, 120), Standing(ended=Verdict.PROMOTE, kept=NEW))
    assert (made.verdict, dict(made.weights)[OLD] > 0) == (Verdict.ROLL_BACK, True)
    fine = decide(plan, alone(plan, 10_000, 12), Standing(ended=Verdict.PROMOTE, kept=NEW))
    assert fine.verdict is Verdict.HOLD
    assert dict(fine.weights)[OLD] == 0


def test_a_single_release_asks_where_the_failures_may_be_others():
    foreign = before(replace(metric, own=False) for metric in GUARDRAILS)
    plan = design(Kind.SINGLE, metrics=foreign)
    made = decide(plan, alone(plan, 10_000, 120))
    assert (made.verdict, made.proposed) == (Verdict.PROPOSE, Verdict.ROLL_BACK)
    assert made.alerts


def test_without_a_count_from_before_nothing_is_observed():
    plan = design(Kind.SINGLE)
    key = Spell(0, weights(((NEW, 1.0),), plan.arms))
    made = decide(plan, Counts(arms={(key, NEW): Tally(100, bad={ERRORS: 100})}))
    assert made.verdict is Verdict.PROMOTE
    assert not [f for f in made.evidence if f.aim is Aim.OBSERVED]


def test_blue_green_without_a_holdback_is_observed_only():
    plan = design(Kind.BLUE_GREEN, shadow=False, holdback=0.0, metrics=before())
    assert plan.stages[0].pair == 0.0
    assert decide(plan, alone(plan, 10_000, 120)).verdict is Verdict.ROLL_BACK


def test_blue_green_keeps_a_holdback_as_its_comparison():
    plan = design(Kind.BLUE_GREEN, shadow=False)
    assert plan.stages[0].shares == ((NEW, 0.95),)
    made = decide(plan, split_counts(plan, 0, 20_000, new={ERRORS: 400}, old={ERRORS: 2}))
    assert made.verdict is Verdict.ROLL_BACK


# --- A/B ------------------------------------------------------------------------------------------------


def outcomes(plan, new, old, units=4000, arm=NEW, field="changed"):
    key = spell(plan, len(plan.stages) - 1)
    ones = {NEW: new, OLD: old}
    return Counts(
        arms={
            (key, name): Tally(
                units=round(60_000 * key.share(name)),
                **{field: {"bought": Sums(n=units, y=good << 30, yy=good << 30)}},
            )
            for name, good in ((arm, ones[NEW]), (OLD, old))
        }
    )


def test_an_ab_test_is_won_on_evidence():
    plan = design(Kind.AB_TEST, metrics=(*GUARDRAILS, BOUGHT), shadow=False)
    won = decide(plan, outcomes(plan, 360, 240), now=DAY)
    assert (won.verdict, won.arm) == (Verdict.PROMOTE, NEW)
    assert decide(plan, outcomes(plan, 310, 290), now=DAY).verdict is Verdict.HOLD


def test_an_ab_test_that_is_lost_ends_without_fault():
    plan = design(Kind.AB_TEST, metrics=(*GUARDRAILS, BOUGHT), shadow=False)
    lost = decide(plan, outcomes(plan, 240, 360), now=DAY)
    assert (lost.verdict, lost.standing.kept) == (Verdict.END_TRIAL, OLD)


def test_outcomes_of_unpaired_stages_are_those_of_all_units():
    plan = design(Kind.AB_TEST, metrics=(*GUARDRAILS, BOUGHT), shadow=False, pair=0.0)
    assert decide(plan, outcomes(plan, 360, 240, field="outcomes"), now=DAY).verdict is Verdict.PROMOTE
    assert decide(plan, outcomes(plan, 360, 240, field="changed"), now=DAY).verdict is Verdict.HOLD


def test_a_winner_that_is_not_shown_to_be_safe_is_proposed():
    plan = design(Kind.AB_TEST, metrics=(*GUARDRAILS, BOUGHT), shadow=False)
    key = spell(plan, 0)
    few = Counts(
        arms={
            (key, NEW): Tally(500, changed={"bought": Sums(n=400, y=200 << 30)}),
            (key, OLD): Tally(500, changed={"bought": Sums(n=400, y=90 << 30)}),
        }
    )
    made = decide(plan, few, now=DAY)
    assert (made.verdict, made.proposed, made.arm) == (Verdict.PROPOSE, Verdict.PROMOTE, NEW)


def test_an_ab_stage_that_a_person_ends_has_no_winner_of_its_own():
    stage = Stage(StageKind.SPLIT, ((NEW, 0.5),), pair=1.0, ends=Ends.PERSON)
    plan = design(Kind.AB_TEST, metrics=(*GUARDRAILS, BOUGHT), stages=(stage,))
    assert decide(plan, outcomes(plan, 360, 240), now=DAY).verdict is Verdict.HOLD


def test_a_bounded_metric_decides_by_its_bets():
    score = Metric("score", MetricKind.BOUNDED, margin=0.05, action=Action.HOLD, centre=0.3)
    plan = design(Kind.AB_TEST, metrics=(*GUARDRAILS, score), shadow=False)
    key = spell(plan, 0)

    def losses(new, old):
        placed = {
            arm: bounded.bets([value] * 4000, new=arm == NEW, share=0.5, centre=0.3, margin=0.05)
            for arm, value in ((NEW, new), (OLD, old))
        }
        return Counts(
            arms={(key, arm): Tally(9000, bets={("score", NEW): bets}) for arm, bets in placed.items()}
        )

    assert decide(plan, losses(0.2, 0.4), now=DAY).verdict is Verdict.PROMOTE
    assert decide(plan, losses(0.4, 0.2), now=DAY).verdict is Verdict.END_TRIAL
    assert decide(plan, losses(0.3, 0.3), now=DAY).verdict is Verdict.HOLD


def test_losses_of_pairs_are_bet_on_in_the_shadow():
    loss = Metric("loss", MetricKind.BOUNDED, margin=0.05)
    plan = design(Kind.SHADOW, metrics=(loss,))
    pairs = paired_counts(plan, 4000)
    (key,) = pairs.pairs
    for each, verdict in ((0.3, Verdict.ROLL_BACK), (0.0, Verdict.PROPOSE)):
        told = replace(pairs.pairs[key], bad={}, bets={"loss": paired.bets([each] * 4000, 0.05)})
        assert decide(plan, Counts(pairs={key: told}), now=3600.0).verdict is verdict


def test_revenue_is_shown_and_decides_nothing():
    plan = design(Kind.AB_TEST, metrics=(*GUARDRAILS, Metric("revenue", MetricKind.REAL)), shadow=False)
    made = decide(plan, outcomes(plan, 360, 240), now=DAY)
    assert made.verdict is Verdict.HOLD
    assert not [f for f in made.evidence if f.metric == "revenue"]


def test_a_stage_is_judged_by_the_metrics_it_names_and_by_every_failure_of_the_model():
    named = Stage(StageKind.SPLIT, ((NEW, 0.5),), ends=Ends.CLEAN, metrics=("timeouts",))
    refunds = Metric("refunds")
    plan = design(Kind.CANARY, metrics=(*GUARDRAILS, refunds), stages=(named,))
    for name, verdict in (("refunds", Verdict.HOLD), (ERRORS, Verdict.ROLL_BACK)):
        made = decide(plan, split_counts(plan, 0, 4000, new={name: 60}, old={name: 6}))
        assert made.verdict is verdict, name


def test_the_last_units_of_the_baseline_go_only_to_a_version_that_is_shown_to_be_safe():
    half = Stage(StageKind.SPLIT, ((NEW, 0.5),), ends=Ends.CLEAN)
    whole = Stage(StageKind.SPLIT, ((NEW, 1.0),), ends=Ends.PROMOTABLE)
    plan = design(Kind.CANARY, stages=(half, whole))
    assert decide(plan, split_counts(plan, 0, 2000)).verdict is Verdict.HOLD
    assert decide(plan, split_counts(plan, 0, 9400)).verdict is Verdict.MOVE


def test_a_rollout_of_the_first_version_compares_with_nobody():
    plan = replace(design(Kind.SINGLE, metrics=before()), baseline="")
    made = decide(plan, Counts())
    assert made.verdict is Verdict.PROMOTE
    assert [arm for arm, _ in made.weights] == [NEW]


def test_units_that_moved_to_a_version_show_it_to_be_clean_unless_they_were_bad_before():
    """Most units of a growing share come from the baseline; what was bad there is unknown here, not good."""
    plan = design(Kind.CANARY, shadow=False)
    key = spell(plan, 3)

    def shown(**counted):
        counts = Counts(arms={(key, NEW): Tally(**counted), (key, OLD): Tally(9000)})
        found = judging.findings(plan, counts)
        return next(f for f in found if f.key == f"safe/{ERRORS}/{NEW}").reached

    assert not shown(units=400)
    assert shown(units=400, moved=6000)
    assert not shown(units=400, moved=6000, spent={ERRORS: 40})
    assert shown(units=400, moved=6000, spent={"timeouts": 40})
