from __future__ import annotations

import numpy as np
import pytest

from registry.manifest import METRICS, Kind
from releases.statistics.comparison import Decision, Paired, compare
from releases.statistics.estimates import Worth
from releases.statistics.judging import judged
from tests.unit.statistics.examples import PLAIN, columns, question


def compared(name, target, ours, theirs, *, weight=None, group=None, seed=0):
    asked = question(name)
    one, other = judged(asked, np.asarray(target), [np.asarray(ours), np.asarray(theirs)])
    worth = Worth.of(len(target), weight, group)
    return compare(asked, one, other, worth, np.random.default_rng(seed))


def worsened(name, predictions, target, rng):
    """The same predictions, with four in ten of them spoiled."""
    spoiled = predictions.copy()
    rows = rng.random(len(target)) < 0.4
    match METRICS[name].kind:
        case Kind.REGRESSION:
            spoiled[rows] += 2
        case Kind.PROBABILITY:
            spoiled[rows] = np.roll(spoiled, 1, axis=1)[rows]
        case Kind.LABEL:
            spoiled[rows] = (spoiled[rows] + 1) % (1 + spoiled.max())
    return spoiled


def test_the_rows_that_would_settle_it_give_the_power_that_was_asked_for():
    paired = Paired(0.0, -0.02, 0.02, "McNemar, Tango", variance=0.07)
    assert paired.power(0.01, paired.units_needed(0.01)) == pytest.approx(0.8, abs=1e-3)
    assert paired.power(0.0, 10**6) == pytest.approx(0.05)


def test_versions_that_never_differ_hide_no_loss():
    assert Paired(0.0, 0.0, 0.0, "paired DeLong", variance=0.0).power(0.01, 10) == 1.0


@pytest.mark.parametrize("name", sorted({*PLAIN} - {"ece"}))
def test_a_spoiled_version_is_worse_whatever_the_metrics_direction(name):
    rng = np.random.default_rng(1)
    target, good = columns(name, 400, rng)
    bad = worsened(name, good, target, rng)

    assert compared(name, target, good, bad).decision(0.0) is Decision.BETTER
    assert compared(name, target, bad, good).decision(0.0) is Decision.WORSE


@pytest.mark.parametrize("name", PLAIN)
def test_the_same_predictions_are_not_better(name):
    rng = np.random.default_rng(2)
    target, predictions = columns(name, 200, rng)

    found = compared(name, target, predictions, predictions)

    assert found.difference == 0
    assert found.lower <= 0 <= found.upper
    assert found.decision(0.2) is Decision.NOT_WORSE


def test_accuracy_is_decided_by_mcnemar():
    target = np.zeros(200, int)
    ours, theirs = target.copy(), target.copy()
    theirs[:4] = 1
    four = compared("accuracy", target, ours, theirs)
    theirs[4] = 1
    five = compared("accuracy", target, ours, theirs)

    assert (four.only_ours, four.only_theirs, four.p_value) == (4, 0, pytest.approx(1 / 16))
    assert four.decision(0.01) is Decision.NOT_WORSE
    assert five.p_value == pytest.approx(1 / 32)
    assert five.decision(0.01) is Decision.BETTER


def test_too_few_rows_cannot_tell_and_say_how_many_could():
    target = np.zeros(50, int)
    theirs = np.arange(50) < 2
    ours = np.arange(50) >= 48

    found = compared("accuracy", target, ours, theirs)

    assert found.decision(0.01) is Decision.CANNOT_TELL
    # (1.645 + 0.842)^2 * var(d) / margin^2, where var(d) is the share of rows on which they differ.
    assert found.units_needed(0.01) == pytest.approx((1.6449 + 0.8416) ** 2 * 0.08 / 0.0001, rel=1e-3)


def test_that_many_rows_would_tell():
    rng = np.random.default_rng(3)
    needed = Paired(0.0, -1.0, 1.0, "", 0.08).units_needed(0.02)
    told = 0
    for _ in range(100):
        gained, lost, _ = rng.multinomial(needed, [0.04, 0.04, 0.92])
        theirs, ours = np.zeros(needed, int), np.zeros(needed, int)
        theirs[:gained], ours[gained : gained + lost] = 1, 1
        told += compared("accuracy", np.zeros(needed, int), ours, theirs).decision(0.02) != "cannot_tell"

    assert 70 <= told <= 92


def test_without_a_margin_the_observed_difference_has_to_be_seen():
    paired = Paired(0.1, -0.1, 0.3, "", 1.0)

    assert paired.decision(0.0) is Decision.CANNOT_TELL
    assert paired.units_needed(0.0) == paired.units_needed(0.1)
    assert Paired(0.0, -0.1, 0.1, "", 1.0).units_needed(0.0) is None


def test_two_perfect_orders_may_still_differ_elsewhere():
    target = np.arange(20) % 2
    scores = target + np.linspace(0, 0.5, 20)

    found = compared("roc_auc", target, scores, target * 2.0)

    assert found.difference == 0
    assert found.lower < -0.2


def test_labels_without_a_discordant_row_may_still_differ_elsewhere():
    target = np.arange(30) % 3

    found = compared("f1_macro", target, target, target)

    assert found.lower < -0.03
    assert found.decision(0.01) is Decision.CANNOT_TELL


def test_groups_and_weights_are_compared_by_the_bootstrap():
    rng = np.random.default_rng(4)
    target, ours = columns("accuracy", 120, rng)
    theirs = worsened("accuracy", ours, target, rng)
    group = np.arange(120) // 4

    found = compared("accuracy", target, ours, theirs, group=group)

    assert found.method == "paired BCa bootstrap, 200 resamples of groups"
    assert found.lower < found.difference < found.upper


def test_pairing_takes_away_what_the_rows_have_in_common():
    rng = np.random.default_rng(5)
    target = rng.gamma(2, size=300)
    shared = rng.normal(size=300) * 5
    found = compared("mae", target, target + shared, target + shared * 1.05)

    assert found.decision(0.0) is Decision.BETTER
    assert found.upper - found.lower < 0.1
