from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.plan import PARTS, WHOLE
from releases.rollout.evidence.shares import filled, in_parts, quantised, weights


def bounds(arms, floor=0.0, cap=1.0):
    return np.full(arms, floor), np.full(arms, cap)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=60)
def test_shares_keep_floors_and_caps_and_sum_to_one(wanted, floor, slack):
    arms = len(wanted)
    floors, caps = bounds(arms, floor / arms, 1 / arms + slack * (1 - 1 / arms))
    shares = filled(np.array(wanted), floors, caps)

    assert shares.sum() == pytest.approx(1, abs=1e-9)
    assert (shares >= floors - 1e-12).all()
    assert (shares <= caps + 1e-12).all()
    free = (shares > floors + 1e-9) & (shares < caps - 1e-9) & (np.array(wanted) > 1e-6)
    if free.sum() > 1:
        risen = shares[free] / np.array(wanted)[free]
        assert risen == pytest.approx(np.full(free.sum(), risen[0]), rel=1e-6)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.sampled_from([0.0, 0.01, 0.04]))
@settings(max_examples=60)
def test_weights_sum_to_what_routing_wants_and_no_floor_is_rounded_away(wanted, floor):
    parts = quantised(np.array(wanted), *bounds(len(wanted), floor))

    assert sum(weights(parts)) == WHOLE
    assert (parts >= np.ceil(floor * PARTS - 1e-9)).all()


def test_the_champions_floor_is_its_own():
    shares = filled(np.array([0.999, 0.001, 0.0]), np.array([0.01, 0.2, 0.01]), np.ones(3))

    assert shares == pytest.approx([0.79, 0.2, 0.01])


def test_what_a_cap_takes_goes_to_the_others_in_proportion():
    shares = filled(np.array([0.8, 0.15, 0.05]), np.zeros(3), np.array([0.5, 1.0, 1.0]))

    assert shares == pytest.approx([0.5, 0.375, 0.125])


def test_an_arm_with_a_cap_of_zero_is_out():
    parts = quantised(np.array([0.7, 0.2, 0.1]), np.array([0.0, 0.01, 0.01]), np.array([0.0, 1.0, 1.0]))

    assert parts[0] == 0
    assert weights(parts)[0] == 0


def test_all_propensities_zero_share_alike():
    assert filled(np.zeros(4), *bounds(4)) == pytest.approx([0.25] * 4)


@pytest.mark.parametrize(
    ("floors", "caps"), [([0.6, 0.6], [1, 1]), ([0, 0], [0.4, 0.4]), ([0.5, 0], [0.4, 1])]
)
def test_bounds_that_nothing_keeps_are_refused(floors, caps):
    with pytest.raises(ValueError, match="no shares"):
        filled(np.array([0.5, 0.5]), np.array(floors, float), np.array(caps, float))


def test_the_largest_remainders_are_rounded_up_and_the_first_of_equal_ones():
    assert list(in_parts(np.array([1 / 3, 1 / 3, 1 / 3]))) == [22, 21, 21]
    assert list(in_parts(np.array([0.997, 0.003]))) == [64, 0]
    assert list(in_parts(np.array([1.0, 0.0]))) == [64, 0]


def test_many_experiments_at_once():
    wanted = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    together = quantised(wanted, *bounds(3, 0.01))

    for row, parts in zip(wanted, together, strict=True):
        assert list(quantised(row, *bounds(3, 0.01))) == list(parts)
