"""A version's own metric, served as a graph and asked for a value per row."""

from __future__ import annotations

import numpy as np
import pytest

from formats.types import Signature, TensorSpec
from registry.manifest import MetricRange
from releases.proof.examiner.spec import Champion, OwnMetric
from releases.statistics import bootstrap
from tests.unit.examiner.conftest import examined
from tests.unit.examiner.server import serving

OWN = MetricRange("own", "y", (0.0, 0.5), higher_is_better=False)
PAIR = Signature(
    (TensorSpec("expected", "FP32", (-1, 3)), TensorSpec("got", "FP32", (-1, 3))),
    (TensorSpec("value", "FP32", (-1,)),),
)
VECTORS = Signature((TensorSpec("x", "FP32", (-1, 3)),), (TensorSpec("y", "FP32", (-1, 3)),))


def angle(inputs):
    """One less the cosine, row by row: no metric of the table."""
    one, other = inputs["expected"], inputs["got"]
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return {"value": (1 - (one * other).sum(axis=-1) / lengths).astype(np.float32)}


def judged_by(bench, graph=angle, signature=PAIR, **changes):
    socket = bench.folder / "judge"
    with serving(socket, graph) as judge:
        own = OwnMetric(socket, signature)
        spec = {"signature": VECTORS, "metric": OWN, "own_metric": own} | changes
        found, _ = examined(bench, lambda inputs: {"y": inputs["x"]}, **spec)
        return found, judge.calls


@pytest.fixture
def vectors(bench, monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)
    rng = np.random.default_rng(10)
    x = rng.normal(size=(300, 3)).astype(np.float32)
    bench.confidence({"x": x}, x + rng.normal(0, 0.3, x.shape), **{"slice/odd": np.arange(300) % 2})
    return x


def test_a_metric_of_the_versions_own_is_asked_for_each_row(bench, vectors):
    found, calls = judged_by(bench)

    got = found.confidence
    assert 0 < got.lower < got.value < got.upper < 0.3
    assert (got.metric, got.units, [part.rows for part in got.slices]) == ("own", 300, [150, 150])
    assert got.method == "BCa bootstrap, 200 resamples of rows"
    assert sum(call["rows"] for call in calls) == 300
    assert len(calls) < 300


def test_the_champion_is_judged_by_the_same_metric(bench, vectors):
    judged_by(bench)
    champion = bench.folder / "champion.npy"
    np.save(champion, -vectors)

    found, _ = judged_by(bench, champion=Champion(predictions=champion))

    assert found.confidence.comparison.decision == "better"
    assert found.confidence.comparison.difference > 1


def test_a_metric_may_take_one_row_at_a_time(bench, vectors):
    single = Signature(
        (TensorSpec("expected", "FP32", (3,)), TensorSpec("got", "FP32", (3,))),
        (TensorSpec("value", "FP32", ()),),
    )
    whole, _ = judged_by(bench)

    found, calls = judged_by(bench, signature=single)

    assert found.confidence.value == pytest.approx(whole.confidence.value)
    assert len(calls) == 300


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda inputs: {"value": np.zeros(len(inputs["got"]) + 1, np.float32)}, "it needs one per row"),
        (lambda inputs: {"value": np.full(len(inputs["got"]), np.nan, np.float32)}, "not a finite number"),
        (lambda inputs: {"other": np.zeros(1)}, "the metric's graph cannot judge an answer"),
    ],
)
def test_what_the_metrics_graph_does_wrong_is_told(bench, vectors, answer, said):
    found, _ = judged_by(bench, answer)

    assert said in found.problem("confidence")
