"""Windows by the clock of a place: held to a walk through every minute, and to nights when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import BadInput
from releases.windows import Freeze, Once, Repeated, next_open, open_now, parse, zone

MINUTE = timedelta(minutes=1)
UNHURRIED = settings(max_examples=60)
"""On a machine that others use too, a draw may take seconds."""
moments = st.integers(0, 3 * 366 * 86_400).map(
    lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def one_field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    spans = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.tuples(st.one_of(st.just("*"), spans), st.integers(1, 20)).map(
        lambda two: f"{two[0]}/{two[1]}"
    )
    listed = st.lists(st.one_of(number.map(str), spans), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), listed, steps)


crons = st.tuples(
    one_field(0, 59), one_field(0, 23), one_field(1, 31), one_field(1, 12), one_field(0, 7)
).map(" ".join)


def naive(cron: str, wall: datetime) -> bool:
    """Whether something begins at that minute, field by field as a manual page of cron says."""

    def means(text: str, low: int, high: int, value: int) -> bool:
        for term in text.split(","):
            span, _, step = term.partition("/")
            first, _, last = span.partition("-")
            begins = low if span == "*" else int(first)
            ends = high if span == "*" else int(last or (high if step else first))
            if begins <= value <= ends and (value - begins) % int(step or 1) == 0:
                return True
        return False

    minute, hour, day, month, week = cron.split()
    of_week = wall.isoweekday() % 7
    by_day = means(day, 1, 31, wall.day)
    by_week = means(week, 0, 7, of_week) or (of_week == 0 and means(week, 0, 7, 7))
    both = not day.startswith("*") and not week.startswith("*")
    days = by_day or by_week if both else by_day and by_week
    times = means(minute, 0, 59, wall.minute) and means(hour, 0, 23, wall.hour)
    return times and days and means(month, 1, 12, wall.month)


@UNHURRIED
@given(
    crons,
    st.integers(1, 800),
    moments,
)
def test_it_is_open_when_a_walk_through_every_minute_before_says_so(cron, minutes, now):
    try:
        parse(cron)
    except BadInput:
        return
    begun = now.replace(second=0, microsecond=0)
    walked = next(
        (begun - back * MINUTE for back in range(minutes + 1) if naive(cron, begun - back * MINUTE)), None
    )
    ends = walked + minutes * MINUTE if walked else None
    found = open_now(Repeated(cron, "UTC", minutes), now)
    assert (found.ends if found else None) == (ends if ends and now < ends else None)


@UNHURRIED
@given(crons, moments)
def test_the_next_begins_where_a_walk_first_finds_it(cron, now):
    try:
        parse(cron)
    except BadInput:
        return
    found = next_open(Repeated(cron, "Asia/Kolkata", 5), now)
    assert found is not None
    assert found.begins > now
    india = timedelta(hours=5, minutes=30)
    first = (now + india).replace(second=0, microsecond=0, tzinfo=None) + MINUTE
    for ahead in range(2000):
        wall = first + ahead * MINUTE
        if naive(cron, wall):
            assert found.begins == (wall - india).replace(tzinfo=UTC)
            return
    assert found.begins >= now + 2000 * MINUTE


WEEKEND = Repeated("0 18 * * fri", "Europe/Vienna", 62 * 60)


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-11-27T16:59:59", None),
        ("2026-11-27T17:00:00", "2026-11-30T07:00:00"),
        ("2026-11-30T06:59:59", "2026-11-30T07:00:00"),
        ("2026-11-30T07:00:00", None),
        ("2026-03-28T00:00:00", "2026-03-30T06:00:00"),  # the clocks go forward on the 29th
        ("2026-10-24T00:00:00", "2026-10-26T07:00:00"),  # and back on the 25th
    ],
)
def test_a_weekend_ends_at_the_same_time_of_day_also_when_clocks_change(now, ends):
    found = open_now(WEEKEND, at(now))
    assert (found.ends if found else None) == (at(ends) if ends else None)


NIGHT = Repeated("30 2 * * *", "Europe/Vienna", 60)


@pytest.mark.parametrize(
    ("now", "begins", "ends"),
    [
        ("2026-03-29T01:10:00", "2026-03-29T01:00:00", "2026-03-29T01:30:00"),  # 02:30 is left out
        ("2026-03-29T00:59:59", None, None),
        ("2026-10-25T00:29:59", None, None),
        ("2026-10-25T00:30:00", "2026-10-25T00:30:00", "2026-10-25T02:30:00"),  # 02:30 comes twice
        ("2026-10-25T01:10:00", "2026-10-25T00:30:00", "2026-10-25T02:30:00"),
    ],
)
def test_a_time_that_is_left_out_is_the_jump_and_one_that_comes_twice_begins_with_the_first(
    now, begins, ends
):
    found = open_now(NIGHT, at(now))
    told = (found.begins, found.ends) if found else (None, None)
    assert told == (at(begins) if begins else None, at(ends) if ends else None)


@UNHURRIED
@given(
    crons,
    st.integers(1, 600),
    st.sampled_from(
        ["Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Santiago"]
    ),
    moments,
)
def test_wherever_it_is_now_lies_within_what_is_open_and_outside_what_comes_next(cron, minutes, where, now):
    try:
        parse(cron)
    except BadInput:
        return
    times = Repeated(cron, where, minutes)
    found, after = open_now(times, now), next_open(times, now)
    assert found is None or found.begins <= now < found.ends
    assert after is not None
    assert after.begins > now
    assert after.begins <= after.ends
    if after.begins < after.ends:
        assert open_now(times, after.begins) is not None


def test_names_of_days_and_months_and_both_sundays_are_known():
    assert parse("0 0 * JAN sun") == parse("0 0 * 1 0") == parse("0 0 * 1 7")
    assert parse("*/15 9-17 * * mon-fri").weekdays == {1, 2, 3, 4, 5}
    assert parse("10/20 0 * * *").minutes == (10, 30, 50)


@pytest.mark.parametrize(
    ("cron", "says"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("60 * * * *", "0 to 59"),
        ("* 24 * * *", "0 to 23"),
        ("* * 0 * *", "1 to 31"),
        ("* * * 13 *", "1 to 12"),
        ("* * * * 8", "0 to 7"),
        ("* * * * noday", "no day of the week"),
        ("5-1 * * * *", "means no minute at all"),
        ("*/0 * * * *", "means no minute at all"),
        ("1,,2 * * * *", "is no minute"),
        ("@daily * * * *", "is no minute"),
        ("-1 * * * *", "is no minute"),
        ("٣ * * * *", "is no minute"),
        ("0 0 31 2 *", "No day is ever meant"),
        ("0 0 30 feb *", "No day is ever meant"),
    ],
)
def test_what_means_nothing_is_refused_in_words(cron, says):
    with pytest.raises(BadInput, match=says) as refused:
        parse(cron)
    assert refused.value.facts["field"] == "cron"


def test_the_29th_of_february_comes():
    found = next_open(Repeated("0 0 29 2 *", "UTC", 60), at("2096-03-01T00:00:00"))
    assert found is not None
    assert found.begins == at("2104-02-29T00:00:00")


@pytest.mark.parametrize(
    "name", ["", "Europe", "Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "x" * 99]
)
def test_a_place_that_has_no_clock_is_refused(name):
    with pytest.raises(BadInput, match="no time zone"):
        zone(name)


def test_once_is_from_its_beginning_to_its_end():
    once = Once(at("2026-12-20T00:00:00"), at("2026-12-27T00:00:00"))
    assert open_now(once, at("2026-12-19T23:59:59")) is None
    assert next_open(once, at("2026-12-19T23:59:59")) is not None
    assert open_now(once, at("2026-12-20T00:00:00")) is not None
    assert open_now(once, at("2026-12-27T00:00:00")) is None


def test_it_is_told_by_the_clock_of_its_place():
    frozen = Freeze("year's end", at("2026-11-30T07:00:00"), "Europe/Vienna")
    assert str(frozen) == "frozen by year's end until Mon 30 Nov 08:00 (Europe/Vienna)"
