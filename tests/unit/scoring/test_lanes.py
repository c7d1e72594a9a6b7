"""Which thread a slow version runs in, and what a full queue costs."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from types import SimpleNamespace

import numpy as np
import pytest

from formats.types import Signature, TensorSpec
from scoring import blackbox
from scoring.errors import DeadlineExceeded, Overloaded, RunTimedOut
from scoring.limits import Limits
from scoring.tensors import Block
from scoring.worker.batching import Batcher
from scoring.worker.exchange import Exchange
from scoring.worker.lanes import Bench, Lane, Watch, Workshop

SIGNATURE = Signature((TensorSpec("x", "FP32", (-1, 1)),), (TensorSpec("y", "FP32", (-1, 1)),))


class Runner:
    """Remembers where it ran."""

    def __init__(self):
        self.threads = []

    def run(self, feed, options=None):
        self.threads.append(threading.current_thread().name.partition("_")[0])
        return [feed["x"]]


def exchange(waited=0.0):
    made = Exchange(None, None, b"body", perf_counter() - waited)
    made.blocks = [Block((1, 1), np.zeros(1, np.float32).tobytes())]
    made.rows = 1
    made.unit, made.target = 7, SimpleNamespace(cell=0, told=False)
    return made


def run(tmp_path, exchanges, *, run_seconds, patient=None, runner=None, batchers=None, heard=None, **limits):
    """Where these exchanges, put one after the other, were run."""
    box = tmp_path / "0.box"
    blackbox.blank(box)
    places = blackbox.places(box)
    runner, bounds = runner or Runner(), Limits(**limits)

    async def main():
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "patient") as other, ThreadPoolExecutor(1, "urgent") as urgent:
            shop = Workshop(
                loop.call_soon,
                loop.call_soon_threadsafe,
                Watch(10.0),
                lambda: SimpleNamespace(terminate=False),
                bounds,
                places.loop,
                patient or Bench(other, places.patient),
                Bench(urgent, places.urgent),
            )
            for each in exchanges:
                done = asyncio.Event()
                batcher = Batcher(runner, SIGNATURE, batching=True, limits=bounds)
                if batchers is not None:
                    batchers.append(batcher)
                told = [] if heard is None else heard

                def deliver(ran, done=done, told=told):
                    told.append(ran)
                    done.set()

                lane = Lane(batcher, deliver, shop, run_seconds)
                lane.check_room()
                lane.put(each)
                await asyncio.wait_for(done.wait(), 10)

    asyncio.run(main())
    assert blackbox.read(box) == []
    return runner.threads


def test_a_fast_version_runs_in_the_loop(tmp_path):
    assert run(tmp_path, [exchange(), exchange(waited=1.0)], run_seconds=0.00001) == ["MainThread"] * 2


def test_a_slow_version_gives_way_until_a_request_has_waited_long_enough(tmp_path):
    found = run(tmp_path, [exchange(), exchange(waited=0.2)], run_seconds=1.0, patience_seconds=0.1)

    assert found == ["patient", "urgent"]


def test_a_full_queue_has_no_room(tmp_path):
    with pytest.raises(Overloaded):
        run(tmp_path, [exchange()], run_seconds=1.0, queue=0)


def test_a_slow_version_does_not_wait_behind_another_that_gives_way_for_long(tmp_path):
    """The patient thread is held up, as a starved run would hold it: what comes after goes elsewhere."""
    bench, released = Bench(ThreadPoolExecutor(1, "patient"), None), threading.Event()
    bench.begin("another lane", released.wait)
    time.sleep(0.06)
    try:
        found = run(tmp_path, [exchange()], run_seconds=1.0, patience_seconds=0.05, patient=bench)
    finally:
        released.set()
    assert found == ["urgent"]
    assert perf_counter() - bench.busy_since() > 0.05
    bench.end("another lane")
    assert bench.busy_since() == math.inf


def test_a_run_that_had_no_core_is_no_fault_of_its_version(tmp_path):
    """It sleeps past its deadline, as one does that the kernel does not let run; another one works."""
    assert timed_out(tmp_path, lambda: time.sleep(0.3)) == (0, DeadlineExceeded)
    assert timed_out(tmp_path, work) == (1, RunTimedOut)


def work():
    began = time.thread_time()
    while time.thread_time() - began < 0.3:
        pass


def timed_out(tmp_path, takes):
    """The faults of a version whose run takes longer than its deadline of 0.2 s, and what is said of it."""
    found, heard = [], []

    class Late(Runner):
        def run(self, feed, options=None):
            takes()
            options.terminate = True
            raise RuntimeError("terminated")

    late = {"run_seconds": 1.0, "deadline_seconds": 0.2, "runner": Late(), "batchers": found}
    run(tmp_path, [exchange()], **late, heard=heard)
    return found[0].faults, type(heard[0].error)
