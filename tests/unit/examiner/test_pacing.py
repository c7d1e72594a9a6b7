"""Slow models, busy machines and models that hang: who is at fault, and for what reason."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter

import pytest

from registry.manifest import MetricRange
from releases.proof.examiner import pacing, progress
from releases.proof.examiner.examination import examine
from releases.proof.examiner.pacing import CALL_SECONDS, Pace
from releases.proof.examiner.progress import Progress, Report
from tests.unit.examiner.conftest import classify
from tests.unit.examiner.server import refusal

ACCURACY = MetricRange("accuracy", "label", (0.8, 1.0))
DEADLINE_S = 0.4
LATE = "the model did not finish within the deadline"


class Slow:
    """Takes `row_s` a row, as one thread, and is ended at the deadline as a node would end it."""

    def __init__(self, row_s: float) -> None:
        self.row_s = row_s
        self.late = 0
        self._one = threading.Lock()

    def __call__(self, inputs):
        with self._one:
            needs = self.row_s * len(inputs["x"])
            time.sleep(min(needs, DEADLINE_S))
            if needs > DEADLINE_S:
                self.late += 1
                raise refusal(504, LATE, "deadline_exceeded")
            return classify(inputs)


@pytest.fixture
def asked(bench, rows):
    def ask(model, **spec):
        bench.confidence({"x": rows}, classify({"x": rows})["label"])
        bench.end_to_end({"x": rows}, classify({"x": rows}))
        with bench.serving(model) as server:
            return examine(bench.spec(metric=ACCURACY, **spec)), server.calls

    return ask


def test_a_model_of_thirty_milliseconds_a_row_is_asked_for_what_it_can_answer(asked, monkeypatch):
    monkeypatch.setattr(pacing, "CALL_SECONDS", DEADLINE_S / 2)
    model = Slow(0.03)
    found, _ = asked(model, do=("confidence",))
    assert (found.outcome, found.reason) == ("measured", None)
    assert found.confidence.value == 1
    assert found.confidence.rows_per_call < 20
    assert model.late == 0


def test_the_end_to_end_batch_of_a_slow_model_is_one_that_it_can_answer(asked):
    found, _ = asked(Slow(0.03), do=("end_to_end",))
    assert (found.outcome, found.end_to_end.wrong, found.end_to_end.batchable) == ("measured", 0, True)


def test_the_benchmark_does_not_ask_for_more_at_once_than_can_be_answered(asked):
    model = Slow(0.02)
    found, _ = asked(model, do=("benchmark",))
    assert found.outcome == "measured"
    assert found.benchmark.offline is not None
    assert found.benchmark.offline.rows_per_call <= 20


def test_a_machine_that_was_busy_twice_is_asked_again(asked):
    begun_with: Counter[bytes] = Counter()

    def model(inputs):
        # By row, not by call: two questions are on their way, and the second of a pair may be lost.
        begun_with[first := inputs["x"][0].tobytes()] += 1
        if begun_with[first] <= 2:
            raise refusal(504, "the request waited longer than its deadline", "deadline_exceeded")
        return classify(inputs)

    found, _ = asked(model, do=("confidence",))
    assert (found.outcome, found.confidence.value) == ("measured", 1)


@pytest.mark.parametrize("part", ["end_to_end", "confidence"])
def test_a_row_that_is_never_answered_is_said_so_and_ends_the_part(asked, part):
    found, calls = asked(Slow(10), do=(part,))
    assert found.outcome == "failed"
    assert found.reason.startswith("row 0, asked alone and 3 times, was never answered in time")
    assert LATE in found.reason
    assert len(calls) <= 6


def test_parts_after_one_that_hung_are_not_asked_and_say_why(asked):
    found, calls = asked(Slow(10), do=("end_to_end", "confidence"))
    assert found.problem("end_to_end").startswith(
        "row 0, asked alone and 3 times, was never answered in time"
    )
    assert found.problem("confidence") == found.hangs == f"in the end_to_end set, {found.reason}"
    assert len(calls) == 3


def test_a_server_that_hangs_is_not_waited_for_for_ever(asked):
    def hangs(inputs):
        time.sleep(1)
        return classify(inputs)

    found, _ = asked(hangs, do=("confidence",), timeout=0.2)
    assert "the server did not answer within 0.2 s" in found.reason


def test_an_answer_that_was_late_is_a_latency_of_the_benchmark(asked):
    late = iter([False] * 40 + [True])

    def model(inputs):
        if next(late, False):
            time.sleep(DEADLINE_S)
            raise refusal(504, LATE, "deadline_exceeded")
        return classify(inputs)

    found, _ = asked(model, do=("benchmark",))
    assert found.outcome == "measured"
    assert found.benchmark.p99_ms.value > 0


def test_a_pause_costs_no_row_and_no_answer(asked, bench):
    """Between two calls somebody else measures; the next row is asked after it."""
    pause, begun = bench.folder / "pause", threading.Event()

    def model(inputs):
        if not begun.is_set():
            begun.set()
            pause.touch()
            threading.Timer(0.3, pause.unlink).start()
        return classify(inputs)

    started = time.monotonic()
    found, calls = asked(model, do=("confidence",), pause=pause)
    assert time.monotonic() - started > 0.3
    assert (found.outcome, found.confidence.value) == ("measured", 1)
    assert sum(call["rows"] for call in calls if call["binary"]) == found.confidence.rows


def test_the_pace_grows_step_by_step_to_what_fits_and_falls_with_what_is_slow():
    pace = Pace(4096)
    sizes = []
    for _ in range(6):
        sizes.append(pace.rows)
        pace.took(pace.rows, pace.rows * 1e-6)
    assert sizes == [1, 8, 64, 512, 4096, 4096]
    pace.took(4096, 8 * CALL_SECONDS)
    assert pace.rows == 512
    pace.was_too_much(512)
    assert (pace.rows, pace.most) == (256, 256)


def test_an_answer_that_was_read_late_does_not_make_the_next_one_cheap():
    pace = Pace(4096)
    for seconds in (0.05, 0.05):
        pace.took(1, seconds)
    pace.took(8, 0.8)
    pace.took(8, 1e-6)
    assert pace.rows == 5


def test_progress_tells_rows_and_is_whole_at_any_moment(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    told = Progress(tmp_path)
    told.begin("confidence", 1000)
    told.tell(400)
    assert progress.read(tmp_path) == Report("confidence", 400, 1000)
    told.go_on(1000, 50)
    told.tell(7)
    assert progress.read(tmp_path) == Report("confidence", 1007, 1050)


def test_progress_is_written_seldom(tmp_path):
    told = Progress(tmp_path)
    told.begin("confidence", 1000)
    for done in range(1000):
        told.tell(done)
    assert progress.read(tmp_path) == Report("confidence", 0, 1000)


def _link(path):
    path.with_name("elsewhere").write_text('{"part":"confidence","done":1,"of":2}')
    path.symlink_to("elsewhere")


@pytest.mark.parametrize(
    "leave",
    [
        _link,
        os.mkfifo,
        os.mkdir,
        lambda path: path.write_bytes(b"x" * 10_000_000),
        lambda path: path.write_text('{"part":"other","done":1,"of":2}'),
        lambda path: path.write_text('{"part":"confidence","done":-1,"of":2}'),
        lambda path: path.write_text('{"part":"confidence","done":1,"of":' + "9" * 400 + "}"),
        lambda path: None,
    ],
)
def test_what_a_cell_leaves_instead_of_a_report_is_none(tmp_path, leave):
    leave(tmp_path / progress.FILE)
    assert progress.read(tmp_path) is None
