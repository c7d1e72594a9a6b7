"""When a request is poison and a version broken, without any process."""

from __future__ import annotations

import pytest

from scoring.node.safety.breaker import Breaker
from scoring.node.safety.poison import MOST, Poison
from scoring.node.workers.crashes import Crash

KEY = ("m", 2, "d2")


def crash(*fingerprints, began=0.0, how="SIGSEGV"):
    return Crash(how, KEY, "champion", False, fingerprints, len(fingerprints), began)


def test_a_body_that_killed_alone_after_it_was_suspected_is_blocked():
    poison = Poison()
    poison.crashed(crash(7, 8, began=1.0), 2.0)
    assert (poison.suspects(), poison.blocked()) == ([7, 8], [])

    poison.crashed(crash(7, began=3.0), 4.0)
    assert (poison.suspects(), poison.blocked()) == ([8], [7])
    assert poison.cleared(8)
    assert not poison.cleared(8)


@pytest.mark.parametrize("second", [crash(7, began=1.5), crash(7, 9, began=3.0)])
def test_a_death_that_proves_nothing_blocks_nothing(second):
    """Two workers killed at one moment from outside; and a body that was there with another."""
    poison = Poison()
    poison.crashed(crash(7, began=1.0), 2.0)
    poison.crashed(second, 4.0)

    assert poison.blocked() == []
    assert 7 in poison.suspects()


def test_requests_without_a_body_are_never_suspected():
    poison = Poison()
    poison.crashed(crash(hash(b""), began=1.0), 2.0)
    assert poison.suspects() == []


def test_everything_is_forgotten_after_ten_minutes():
    poison = Poison()
    poison.crashed(crash(7, began=1.0), 2.0)
    poison.crashed(crash(7, began=3.0), 4.0)
    assert not poison.expire(600.0)
    assert poison.expire(604.5)
    assert poison.blocked() == []


def test_the_tables_are_bounded():
    poison = Poison()
    for number in range(1, MOST + 11):
        poison.crashed(crash(number, began=float(number)), number + 0.5)
    assert len(poison.suspects()) == MOST
    assert MOST + 10 in poison.suspects()


def test_three_crashes_within_a_minute_trip_once():
    breaker = Breaker()
    assert [breaker.crashed(KEY, crash(1), now) for now in (0.0, 50.0, 70.0, 90.0, 95.0)] == [
        *(False, False, False),
        True,
        False,
    ]
    trip = breaker.tripped[KEY]
    assert trip.to_json("d2") == {
        "why": "3 workers died within 40 s while they ran it (SIGSEGV)",
        "at": 90.0,
        "digest": "d2",
        "crashes": 3,
        "signals": ["SIGSEGV"],
        "arms": ["champion"],
        "within_s": 40,
    }
    breaker.keep([])
    assert not breaker.tripped
    assert not breaker.crashed(KEY, crash(1), 96.0)


@pytest.mark.parametrize(
    ("counts", "trips"),
    [
        ([(30, 19)], False),
        ([(40, 20)], True),
        ([(41, 20)], False),
        ([(20, 10), (20, 10)], True),
        ([(20, 20)], True),
    ],
)
def test_faults_trip_when_they_are_many_and_half_of_all(counts, trips):
    breaker = Breaker()
    told = [breaker.ran(KEY, asked, failed, float(at)) for at, (asked, failed) in enumerate(counts)]
    assert any(told) == trips


def test_faults_of_more_than_a_minute_ago_do_not_count():
    breaker = Breaker()
    assert not breaker.ran(KEY, 10, 10, 0.0)
    assert not breaker.ran(KEY, 10, 10, 60.0)
    assert breaker.ran(KEY, 10, 10, 61.0)
