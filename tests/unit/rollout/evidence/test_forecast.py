from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from releases.rollout.evidence import forecast, split
from releases.rollout.evidence.forecast import Step, Traffic, of_events, of_winner

ALL_DAY = Traffic(np.full(24, 12.0))
HALF = (Step(0.0, 0.5),)
BOUND = float(np.log(100))


def seed(number=0):
    return np.random.default_rng(number)


def played(rate, ratio, share, runs=300):
    """The same by hand: bad events one after the other, the rule after each, time by their mean gap."""
    rng, at = seed(1), []
    for _ in range(runs):
        own = np.cumsum(rng.random(3000) < share * ratio / (1 - share + share * ratio))
        other = np.arange(1, 3001) - own
        evidence = split.log_worse(own[:, None], other[:, None], [share])
        at.append((evidence >= BOUND).argmax() + 1)
    return np.median(at) / (rate * (1 - share + share * ratio))


@pytest.mark.parametrize(("ratio", "share"), [(2.0, 0.5), (3.0, 0.1), (1.5, 0.5)])
def test_a_promise_is_what_the_rule_does(ratio, share):
    found = of_events(ALL_DAY, ratio, (Step(0.0, share),), split.log_worse, BOUND, 4000, seed())

    assert found.decided == 1
    assert found.early < found.median < found.late
    assert found.median == pytest.approx(played(12.0, ratio, share), rel=0.2)


def test_twice_the_traffic_takes_half_the_time():
    one, twice = (
        of_events(Traffic(np.full(24, rate)), 2.0, HALF, split.log_worse, BOUND, 4000, seed()).median
        for rate in (6.0, 12.0)
    )
    assert one == pytest.approx(2 * twice, rel=0.02)


def test_nights_without_traffic_are_waited_through():
    office, always = Traffic(np.where(np.arange(24) < 8, 6.0, 0.0)), Traffic(np.full(24, 6.0))
    waits, goes_on = (
        of_events(each, 1.5, HALF, split.log_worse, BOUND, 2400, seed()) for each in (office, always)
    )
    assert goes_on.median > 24
    assert waits.median > 2.5 * goes_on.median
    assert waits.median % 24 <= 8


def test_a_ramp_is_played_as_it_is_planned():
    steep = (Step(0.0, 0.01), Step(1.0, 0.5))
    slow = (Step(0.0, 0.01), Step(30.0, 0.5))
    found = [
        of_events(ALL_DAY, 2.0, ramp, split.log_worse, BOUND, 4000, seed()).median for ramp in (steep, slow)
    ]

    assert found[1] == pytest.approx(found[0] + 29, abs=4)


def test_equal_versions_are_promised_nothing_but_a_promotion():
    worse = of_events(ALL_DAY, 1.0, HALF, split.log_worse, BOUND, 200, seed())
    safe = of_events(ALL_DAY, 1.0, HALF, partial(split.log_safe, allowed=1.5), BOUND, 4000, seed())

    assert worse.decided < 0.03
    assert worse.median == np.inf
    assert safe.decided > 0.98


def test_without_traffic_nothing_is_promised():
    quiet = of_events(Traffic(np.zeros(24)), 2.0, HALF, split.log_worse, BOUND, 100.5, seed(), runs=20)

    assert (quiet.decided, quiet.median) == (0, np.inf)
    assert of_winner(Traffic(np.zeros(24)), [0.1, 0.2], 0.05, 100, seed(), runs=20).decided == 0


def test_what_takes_very_long_is_given_up(monkeypatch):
    monkeypatch.setattr(forecast, "_MOST_CHUNKS", 2)
    busy = Traffic(np.full(24, 1e6))

    def undecided(new, old, shares):
        return np.zeros(new.shape[:-1])

    assert of_events(busy, 1.0, HALF, undecided, BOUND, 4000, seed(), runs=20).decided == 0


def test_last_weeks_hours_come_first_and_then_its_last_day_again():
    week = Traffic(np.arange(30.0))

    assert list(week.until(3.2)) == [0, 1, 2, 3]
    assert list(week.until(32)[28:]) == [28, 29, 6, 7]


def test_a_winner_is_promised_from_units_and_means():
    found = of_winner(Traffic(np.full(24, 500.0)), [0.05, 0.08], 0.05, 480, seed(), runs=60)

    assert found.decided == 1
    assert 2 < found.median < 20
    assert of_winner(Traffic(np.full(24, 500.0)), [0.05, 0.05], 0.05, 48, seed(), runs=60).decided <= 0.05


def test_the_same_seed_promises_the_same():
    one, again = (of_winner(ALL_DAY, [0.1, 0.3], 0.05, 400, seed(0), runs=20) for _ in range(2))

    assert one == again
