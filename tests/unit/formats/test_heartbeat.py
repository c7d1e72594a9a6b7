"""A heartbeat of a foreign or newer node: what is understood is read, the rest is named, nothing breaks."""

from __future__ import annotations

import copy
import json
from itertools import product

import pytest

from formats import heartbeat

TRIP = {"why": "3 workers died", "at": 5.0, "digest": "0" * 64, "crashes": 3, "signals": ["SIGSEGV"]}
GOOD = {
    "node": "alpha",
    "boot": "b1",
    "at": 1000.0,
    "started_at": 900,
    "address": "http://alpha:8001",
    "serves": "gpu-*",
    "sequence": 40,
    "ready": True,
    "stale": False,
    "models": {
        "digits": {
            "revision": 9,
            "ready": [1, 2],
            "loading": [3],
            "failed": {"4": "gone"},
            "broken": {"2": TRIP},
        }
    },
    "workers": [{"slot": 1, "pid": 7, "sequence": 40, "joined": True, "memory_bytes": 9}],
    "restarts": 2,
    "memory_bytes": 9,
    "spool_bytes": 8,
    "log": {"bytes": 0, "dropped": 1, "problem": "full"},
}
NOT_UNDERSTOOD = {
    "at": ["yesterday", -1, 1e300, float("nan"), True],
    "started_at": [[], 1e300],
    "boot": [7],
    "address": [{}],
    "serves": [["*"]],
    "sequence": ["40", 1.5, 2**64],
    "ready": ["yes", 1],
    "stale": ["no"],
    "models": [[], "all"],
    "models.digits": [3, ["1"]],
    "models.digits.revision": ["nine"],
    "models.digits.ready": [["1"], 1, [True], [None]],
    "models.digits.loading": [{"1": 1}],
    "models.digits.failed": [["4"]],
    "models.digits.failed.latest": ["no artifact"],
    "models.digits.failed.4": [{"why": "gone"}],
    "models.digits.broken.2": ["it died"],
    "models.digits.broken.2.at": ["now"],
    "models.digits.broken.2.crashes": [float("nan"), ["x" * 5000]],
    "workers": [{"1": {}}, 2],
    "workers.0": [1, "one"],
    "workers.0.slot": ["first"],
    "restarts": [{}],
    "memory_bytes": ["9 MB"],
    "log": ["full"],
    "log.problem": [404],
}  # fmt: skip


def read(document) -> heartbeat.Heartbeat:
    return heartbeat.read("alpha", json.dumps(document).encode())


def changed(place: str, value):
    document = copy.deepcopy(GOOD)
    *way, last = place.split(".")
    part = document
    for name in way:
        part = part[int(name) if isinstance(part, list) else name]
    part[int(last) if isinstance(part, list) else last] = value
    return document


def test_all_that_a_node_says_is_read():
    beat = read(GOOD)

    assert (beat.node, beat.boot, beat.at, beat.started_at, beat.sequence) == ("alpha", "b1", 1000, 900, 40)
    assert (beat.serves("gpu-a"), beat.serves("cpu"), beat.slots) == (True, False, (1,))
    assert (beat.alive(1009), beat.alive(1011)) == (True, False)
    model = beat.of("digits")
    assert (model.revision, model.ready, model.loading, model.failed) == (9, {1, 2}, {3}, {4: "gone"})
    assert model.broken[2].why == "3 workers died"
    assert model.broken[2].evidence == {"crashes": 3, "signals": ["SIGSEGV"]}
    assert (beat.log_dropped, beat.log_problem, beat.strange) == (1, "full", ())


@pytest.mark.parametrize(
    ("place", "value"),
    [(place, value) for place, values in NOT_UNDERSTOOD.items() for value in values],
    ids=str,
)
def test_what_is_not_understood_is_left_out_and_named(place, value):
    beat = read(changed(place, value))

    assert beat.strange == (place,)
    assert place.startswith(("boot", "workers")) or beat.boot == "b1"


def test_whatever_stands_anywhere_something_is_read():
    fields = {place for place in NOT_UNDERSTOOD if "latest" not in place}
    for place, value in product(fields, [None, {}, [], "", 0, True, "\ud800", "9" * 5000, {"x": {"y": [1]}}]):
        read(changed(place, value))


@pytest.mark.parametrize(
    "said", [b"", b"\xff", b"[]", b"null", b'"hello"', b"[" * 100_000, b"9" * 5000], ids=lambda s: str(s[:9])
)
def test_what_is_no_heartbeat_at_all_is_a_node_that_is_silent(said):
    beat = heartbeat.read("alpha", said)

    assert (beat.node, beat.strange) == ("alpha", ("all of it",))
    assert not beat.alive(1e9)


def test_a_newer_node_says_more_and_is_understood():
    assert read({**GOOD, "gpus": [{"name": "a"}]}).strange == ()


def test_long_texts_are_cut():
    beat = read(changed("models.digits.failed.4", "x" * 10_000))
    assert len(beat.of("digits").failed[4]) == heartbeat.LONGEST_TEXT
