"""What a worker leaves behind, and whom its node blames."""

from __future__ import annotations

import subprocess
import sys
from threading import get_ident
from types import SimpleNamespace

import pytest

from scoring.blackbox import LOADER, LOOP, MOST_FINGERPRINTS, PATIENT, Note, blank, places, read
from scoring.node.workers.crashes import CrashCounts, LastWords, crash_of, last_words, words
from scoring.telemetry import Cell

MARKS = {1: ("m", 1, "d1"), 2: ("m", 2, "d2")}
CELLS = [Cell("m", 1, "champion"), Cell("m", 2, "canary:0.05")]


def exchanges(*bodies, cell=0, told=False):
    target = SimpleNamespace(cell=cell, told=told)
    return [SimpleNamespace(body=body, target=target, unit=2**64 - 1 - n) for n, body in enumerate(bodies)]


@pytest.fixture
def box(tmp_path):
    path = tmp_path / "boxes" / "0.box"
    blank(path)
    return path


def test_what_is_under_way_stands_in_the_box_until_it_is_done(box):
    loop, loader = places(box).loop, places(box).loader
    loop.claim()
    assert read(box) == []

    loop.run(2, exchanges(b"a", b"b", cell=1), 12.5)
    loader.load(1, 13.0)
    assert read(box) == [
        Note(LOOP, get_ident(), 2, 1, 12.5, (hash(b"a"), hash(b"b")), 2),
        Note(LOADER, 0, 1, 0, 13.0, (), 0),
    ]

    loader.done()
    loop.run(1, exchanges(b"c"), 14.0)
    assert read(box) == [Note(LOOP, get_ident(), 1, 0, 14.0, (hash(b"c"),), 1)]
    loop.done()
    assert read(box) == []


def test_a_run_of_more_requests_than_fit_stays_in_its_place(box):
    loop, thread = places(box).loop, places(box).patient
    thread.run(1, exchanges(b"t"), 1.0)
    bodies = [b"%d" % number for number in range(MOST_FINGERPRINTS + 5)]

    loop.run(1, exchanges(*bodies), 2.0)

    first, second = read(box)
    assert first.fingerprints == tuple(hash(body) for body in bodies[:MOST_FINGERPRINTS])
    assert first.requests == MOST_FINGERPRINTS + 5
    assert second.fingerprints == (hash(b"t"),)


def test_units_stand_in_the_box_where_their_arm_is_told_of(box):
    loop = places(box).loop
    mixed = [*exchanges(b"a", b"b", told=True), *exchanges(b"c")]
    for group, units in (
        (mixed, (2**64 - 1, 2**64 - 2)),
        (mixed[:1], (2**64 - 1,)),
        (mixed[2:], ()),
        (exchanges(*[b"t"] * (MOST_FINGERPRINTS + 5), told=True), tuple(2**64 - 1 - n for n in range(508))),
    ):
        loop.run(1, group, 1.0)
        assert read(box)[0].units == units
    loop.load(1, 2.0)
    assert read(box)[0].units == ()


def test_a_box_that_was_cut_tells_nothing(box):
    box.write_bytes(b"short")
    assert read(box) == []


def note(place, mark, thread=0, cell=0):
    return Note(place, thread, mark, cell, 1.0, (7,), 1)


IN_LOOP, IN_THREAD, LOADING = note(LOOP, 1, 11), note(PATIENT, 2, 12, 1), note(LOADER, 2, 13)


@pytest.mark.parametrize(
    ("notes", "thread", "blamed"),
    [
        ([], None, None),
        ([IN_LOOP], None, (1, "champion", False)),
        ([IN_THREAD], None, (2, "canary:0.05", False)),
        ([IN_LOOP, IN_THREAD], None, None),
        ([IN_LOOP, IN_THREAD], 12, (2, "canary:0.05", False)),
        ([IN_LOOP, IN_THREAD], 11, (1, "champion", False)),
        ([IN_LOOP, IN_THREAD], 99, None),
        ([IN_LOOP, LOADING], None, (2, "", True)),
        ([IN_LOOP, LOADING], 11, (1, "champion", False)),
        ([note(LOOP, 99)], None, None),
        ([note(LOOP, 1, cell=50)], None, (1, "", False)),
    ],
)
def test_only_what_surely_did_it_is_blamed(notes, thread, blamed):
    crash = crash_of(-11, notes, LastWords(thread), MARKS, CELLS)

    assert (crash.key and (crash.key[1], crash.arm, crash.loading)) == blamed
    assert crash.how == "SIGSEGV"


def test_crashes_are_counted_by_arm():
    counts = CrashCounts()
    for notes in ([IN_LOOP], [IN_LOOP], [LOADING], []):
        counts.add(crash_of(-6, notes, LastWords(), MARKS, CELLS))

    assert counts.to_json() == {
        "cells": [["m", 1, "champion", 2], ["m", 2, "loading", 1]],
        "unattributed": 1,
    }
    assert ("assay_crashes_unattributed_total", {}, 1) in list(counts.samples())


@pytest.mark.parametrize(("code", "said"), [(3, "exit code 3"), (-9, "SIGKILL"), (-99, "signal 99")])
def test_how_a_process_ended(code, said):
    assert words(code) == said


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGFPE", "SIGABRT", "SIGBUS", "SIGILL"])
def test_the_fault_handler_names_the_thread_that_died_and_the_signal(tmp_path, name):
    trace = tmp_path / "trace"
    code = (
        "import faulthandler, os, signal, threading\n"
        f"out = open({str(trace)!r}, 'wb', buffering=0)\n"
        "faulthandler.enable(out)\n"
        "def die():\n"
        f"    open({str(tmp_path / 'who')!r}, 'w').write(str(threading.get_ident()))\n"
        f"    signal.raise_signal(signal.{name})\n"
        "threading.Thread(target=die).start()\n"
    )

    subprocess.run([sys.executable, "-c", code], check=False, timeout=30)

    assert last_words(trace) == LastWords(int((tmp_path / "who").read_text()), name)
    assert last_words(tmp_path / "none") == LastWords()


def test_a_handler_that_died_of_its_own_telling_does_not_change_what_happened():
    crash = crash_of(-11, [LOADING], LastWords(13, "SIGFPE"), MARKS, CELLS)

    assert (crash.how, crash.loading) == ("SIGFPE", True)


def test_a_trace_that_says_nothing_known_leaves_the_exit_code_to_speak(tmp_path):
    trace = tmp_path / "trace"
    trace.write_bytes(b"Fatal Python error: \xff something new\n\nCurrent thr")

    assert last_words(trace) == LastWords()
