from __future__ import annotations

import numpy as np
import pytest

from releases.rollout.counts import Discordant
from releases.rollout.evidence.labels import Disagreement, accuracy, offers

FOUND = [Disagreement(f"request-{n}", f"unit-{n % 7}") for n in range(40)]


def judged(new_right, old_right):
    return accuracy(Discordant(only_new=old_right, only_old=new_right), alpha=0.01)


def test_every_unit_is_offered_once_in_an_order_that_nobody_chose():
    found = offers(FOUND, b"salt")

    units = [next(f.unit for f in FOUND if f.request == offer.request) for offer in found]
    assert sorted(units) == sorted({f.unit for f in FOUND})
    assert offers(FOUND[::-1], b"salt") == found
    assert [o.request for o in offers(FOUND, b"other")] != [o.request for o in found]


def test_a_unit_that_has_a_label_is_not_offered_again():
    left = offers(FOUND, b"salt", labelled=["unit-3"])

    assert len(left) == 6
    assert not any(f.unit == "unit-3" for f in FOUND for o in left if o.request == f.request)


def test_a_unit_that_disagrees_often_comes_no_sooner():
    """Sorted by requests, the busiest units would be labelled first and speak for all."""
    busy = [Disagreement(f"busy-{n}", "busy") for n in range(500)]
    quiet = [Disagreement(f"quiet-{n}", f"quiet-{n}") for n in range(20)]
    places = []
    for seed in range(60):
        order = [offer.request.startswith("busy") for offer in offers(busy + quiet, b"salt %d" % seed)]
        places.append(order.index(True))

    assert np.mean(places) == pytest.approx(10, abs=3)


def test_which_answer_stands_first_says_nothing():
    several = offers([Disagreement(str(n), str(n)) for n in range(2000)], b"salt")

    assert 0.45 < np.mean([offer.new_first for offer in several]) < 0.55


def test_labels_where_one_version_is_right_twice_as_often_decide():
    found = judged(80, 40)

    assert found.log_better > found.threshold
    assert found.log_worse < 0
    assert 0.45 < found.low < 2 / 3 < found.high


def test_the_two_directions_mirror():
    one, other = judged(31, 12), judged(12, 31)

    assert one.log_better == other.log_worse
    assert one.low == pytest.approx(1 - other.high)


def test_without_labels_nothing_is_known():
    found = judged(0, 0)

    assert (found.log_better, found.log_worse) == pytest.approx((0, 0))
    assert (found.low, found.high) == (0, 1)


def test_equal_versions_are_rarely_told_apart_however_often_it_is_looked():
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(100):
        right = np.cumsum(rng.random(400) < 0.5)
        for labels in (20, 50, 100, 200, 400):
            found = judged(int(right[labels - 1]), labels - int(right[labels - 1]))
            if max(found.log_better, found.log_worse) >= found.threshold:
                wrong += 1
                break

    assert wrong <= 4
