from __future__ import annotations

import time
from itertools import accumulate

import numpy as np
import pytest

from formats.types import Signature, TensorSpec
from releases.proof.examiner import benchmark, result
from releases.proof.examiner.examination import examine
from releases.proof.examiner.spec import Champion, Timing
from tests.unit.examiner.conftest import classify
from tests.unit.examiner.server import refusal, serving

SHORT = Timing(seconds=0.8, blocks=5)


def measured(bench, model=classify, **changes):
    with bench.serving(model):
        found = examine(bench.spec(**({"do": ("benchmark",), "benchmark": SHORT} | changes)))
    assert result.parse(result.dump(found)) == found
    return found


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock is a millisecond after the last one, give or take a tenth: on a busy machine a
    call took longer than such a model's calls ever do, and other ways were gone."""
    draw = np.random.default_rng(3)
    looks = accumulate(iter(lambda: draw.uniform(0.0009, 0.0011), None))
    monkeypatch.setattr(benchmark, "perf_counter", looks.__next__)


@pytest.mark.usefixtures("clock")
def test_single_stream_and_offline(bench, rows):
    bench.end_to_end({"x": rows}, classify({"x": rows}))

    found = measured(bench).benchmark

    assert (found.scenario, found.blocks) == ("SingleStream", 5)
    assert found.queries % 5 == 0
    assert 0 < found.p50_ms.value <= found.p90_ms.value <= found.p99_ms.value
    assert found.p50_ms.low <= found.p50_ms.value <= found.p50_ms.high
    assert found.warm_up.queries >= 8
    assert found.offline.rows_per_call == 1024
    assert found.offline.samples_per_second > found.samples_per_second
    assert found.champion is None


def test_too_few_queries_have_no_bound_for_the_slowest(bench, rows):
    def slow(inputs):
        time.sleep(0.008)
        return classify(inputs)

    bench.end_to_end({"x": rows}, classify({"x": rows}))

    found = measured(bench, slow).benchmark

    assert found.queries < 662
    assert (found.p99_ms.low, found.p99_ms.high) == (None, None)
    assert found.p50_ms.value >= 8


def test_the_champion_is_measured_in_turn(bench, rows):
    def slower(inputs):
        time.sleep(0.003)
        return classify(inputs)

    bench.end_to_end({"x": rows}, classify({"x": rows}))
    champion = bench.folder / "c"

    with serving(champion, slower) as server:
        found = measured(bench, champion=Champion(socket=champion)).benchmark

    assert len(server.calls) > 20
    assert found.champion.p50_ms.value >= 3
    assert found.champion.ratio.value < 1


def test_requests_have_no_offline_figure(bench):
    signature = Signature((TensorSpec("s", "FP32", (3,)),), (TensorSpec("y", "FP32", (3,)),))
    states = np.zeros((4, 3), np.float32)
    bench.end_to_end({"s": states}, {"y": states})

    found = measured(bench, lambda inputs: {"y": inputs["s"]}, signature=signature)

    assert found.benchmark.offline is None


def test_rows_that_stay_alone_have_no_offline_figure(bench, rows):
    def single(inputs):
        if len(inputs["x"]) > 1:
            raise refusal(400, "one row at a time")
        return classify(inputs)

    bench.end_to_end({"x": rows}, classify({"x": rows}))

    assert measured(bench, single).benchmark.offline is None


def test_a_refusal_is_a_finding_not_a_fast_answer(bench, rows):
    def failing(inputs):
        raise refusal(503, "overloaded")

    bench.end_to_end({"x": rows}, classify({"x": rows}))

    assert measured(bench, failing).problem("benchmark") == "the server answered 503: overloaded"


@pytest.mark.parametrize("part", ["end_to_end", "confidence"])
def test_any_set_will_do(bench, rows, part):
    if part == "confidence":
        bench.confidence({"x": rows}, np.zeros(40))
    else:
        bench.end_to_end({"x": rows}, classify({"x": rows}))

    assert measured(bench).outcome == "measured"
