"""A metric that no proof could compute from these targets and outputs is refused with the upload."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.inspection import graphs
from tests.unit.inspection.graphs import model, node, value

X = np.arange(6, dtype=np.float32).reshape(3, 2)


def metric(name, **changes):
    return {"metric": {"name": name, "output": "y", "range": [0, 1]} | changes}


@pytest.mark.parametrize("target", [np.arange(3.0), np.arange(3.0)[:, None], np.arange(3)[:, None, None]])
def test_a_target_may_have_any_number_of_axes_of_one(version, examined, target):
    found = examined(version(confidence={"inputs/x": X, "target": target}), metric("rmse"))
    assert (found.refusals, found.loaded) == ((), True)


@pytest.mark.parametrize(
    ("manifest", "target", "field", "said"),
    [
        (metric("rmse"), np.zeros((3, 2)), "files.confidence", "a row of the target [2]"),
        (metric("rmse"), np.array(["a", "b", "c"]), "files.confidence", "holds texts"),
        (metric("accuracy"), np.array(["a", "b", "c"]), "files.confidence", "holds texts"),
        (metric("accuracy"), np.zeros((3, 2), np.int64), "metric.output", "a row of the target [2]"),
        (metric("roc_auc"), np.array(["a", "b", "b"]), "metric.classes", "order of the columns"),
        (metric("log_loss"), np.zeros((3, 4), np.int64), "metric.output", "only an axis of classes"),
        (
            metric("f1_macro", reading="labels"),
            np.zeros(3, np.int64),
            "metric.reading",
            "takes a target of yes or no",
        ),
    ],
)
def test_a_target_that_cannot_be_judged_is_refused_at_its_field(
    version, examined, manifest, target, field, said
):
    found = examined(version(confidence={"inputs/x": X, "target": target}), manifest)

    (refusal,) = found.refusals
    assert (refusal.code, refusal.field) == ("metric_misfit", field)
    assert said in refusal.message


def test_the_output_may_be_left_out(version, examined):
    manifest = {"metric": {"name": "rmse", "range": [0, 1]}}
    assert examined(version(), manifest).refusals == ()


OWN = metric("own", higher_is_better=True)


def test_the_graph_of_an_own_metric_is_inspected_as_a_model_is(version, examined):
    pair = [value("expected"), value("got", shape=[None, 1])]
    right = model([node("Sub", ["expected", "got"], ["value"])], pair, [value("value")])

    found = examined(version(metric=right, confidence={"inputs/x": X, "target": X}), OWN)

    assert (found.refusals, found.findings, found.loaded) == ((), (), True)
    assert [spec.name for spec in found.metric.inputs] == ["expected", "got"]
    assert found.graphs["metric"].nodes == 1
    refused = examined(version(metric=b"MZ", confidence={"inputs/x": X, "target": X}), OWN)
    assert [refusal.field for refusal in refused.refusals] == ["files.metric"]
    other = examined(version(metric=graphs.linear(), confidence={"inputs/x": X, "target": X}), OWN)
    assert "must take expected and got" in other.refusals[0].message
