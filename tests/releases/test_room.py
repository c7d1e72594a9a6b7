"""Proofs beside each other, benchmarks alone, and nobody for ever outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from releases.proof.examiner.progress import Progress
from releases.proof.room import Room
from tests.servers import wait_until


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "room"


def in_thread(what):
    thread = threading.Thread(target=what, daemon=True)
    thread.start()
    return thread


def test_proofs_are_beside_each_other(folder):
    with Room(folder).beside_others(), Room(folder).beside_others():
        assert not Room(folder).wanted()


def test_a_benchmark_waits_until_others_step_out_and_they_come_back(folder):
    told = []
    inside, leave = threading.Event(), threading.Event()

    def benchmark():
        with Room(folder).alone():
            told.append("alone")
            inside.set()
            leave.wait(10)
            told.append("done")

    mine = Room(folder)
    with mine.beside_others():
        other = in_thread(benchmark)
        wait_until(mine.wanted, "somebody at the door")
        time.sleep(0.1)
        assert told == []
        stepping = in_thread(lambda: (mine.step_out(), told.append("back")))
        assert inside.wait(10)
        assert stepping.is_alive()
        leave.set()
        stepping.join(10)
        other.join(10)
    assert told[:2] == ["alone", "done"]
    assert told[2:] == ["back"]


def test_nobody_comes_in_before_a_benchmark_that_waits(folder):
    order = []
    leave = threading.Event()

    def first():
        with Room(folder).beside_others():
            leave.wait(10)

    def enter(name, how):
        with how:
            order.append(name)

    holder = in_thread(first)
    time.sleep(0.1)
    waiting = in_thread(lambda: enter("benchmark", Room(folder).alone()))
    wait_until(Room(folder).wanted, "the benchmark at the door")
    late = in_thread(lambda: enter("proof", Room(folder).beside_others()))
    time.sleep(0.1)
    assert order == []
    leave.set()
    for thread in (holder, waiting, late):
        thread.join(10)
    assert order == ["benchmark", "proof"]


def test_a_killed_benchmark_leaves_the_room(folder):
    code = (
        "import sys,time;from pathlib import Path;from releases.proof.room import Room\n"
        "with Room(Path(sys.argv[1])).alone():\n print('in', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"in\n"
    assert Room(folder).wanted()
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    with Room(folder).beside_others():
        assert not Room(folder).wanted()


def test_an_examiner_asks_nothing_while_there_is_a_pause(tmp_path):
    pause, stopped = tmp_path / "pause", []
    progress = Progress(tmp_path, pause)
    progress.stand_aside(lambda: stopped.append(1))
    assert stopped == []
    pause.touch()
    waiting = in_thread(lambda: progress.stand_aside(lambda: stopped.append(1)))
    wait_until((tmp_path / "paused").exists, "the examiner to pause")
    assert stopped == [1]
    assert waiting.is_alive()
    pause.unlink()
    waiting.join(10)
    assert not (tmp_path / "paused").exists()
