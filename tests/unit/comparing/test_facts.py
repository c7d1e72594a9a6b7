"""What changed between two versions, the gravest first, each with the direction that it has."""

from __future__ import annotations

import pytest

from releases.comparing.facts import changes, document, warnings

ACCURACY = {"name": "accuracy", "range": [0.9, 1.0], "claimed": 0.95}
LOSS = {"name": "log_loss", "range": [0.0, 0.3], "claimed": 0.2}
SIGNATURE = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}], "outputs": []}


def of(files, **manifest):
    return document(manifest, {key: (digest * 64, 100) for key, digest in files.items()}, SIGNATURE)


def tones(before, after):
    return {f"{c.section}.{c.name}": c.tone for c in changes(before, after)}


def test_an_exchanged_set_comes_before_everything_else():
    before = of({"confidence": "a", "end_to_end": "a", "model": "a"}, algorithm="A", metric=ACCURACY)
    after = of({"confidence": "b", "end_to_end": "b", "model": "b"}, algorithm="B", metric=ACCURACY)
    found = changes(before, after)
    assert [c.name for c in found] == ["end_to_end", "confidence", "algorithm", "model"]
    assert [c.tone for c in found] == ["grave", "grave", "", ""]
    assert [text.split(":")[0] for text in warnings(found)] == [
        "The end-to-end set is another one",
        "The confidence set is another one",
    ]


def test_a_set_is_the_same_where_its_bytes_are():
    same = of({"confidence": "a", "model": "a"}, metric=ACCURACY)
    assert warnings(changes(same, of({"confidence": "a", "model": "b"}, metric=ACCURACY))) == []


@pytest.mark.parametrize(
    ("metric", "claimed", "tone"),
    [(ACCURACY, 0.96, "better"), (ACCURACY, 0.94, "worse"), (LOSS, 0.1, "better"), (LOSS, 0.3, "worse")],
)
def test_a_claim_that_fell_is_worse_by_its_metrics_direction(metric, claimed, tone):
    found = tones(of({}, metric=metric), of({}, metric={**metric, "claimed": claimed}))
    assert found == {"metric.claimed": tone}


def test_claims_of_two_metrics_are_not_held_against_each_other():
    found = tones(of({}, metric=ACCURACY), of({}, metric=LOSS))
    assert found == {"metric.name": "grave", "metric.range": "grave", "metric.claimed": ""}


def test_a_longer_latency_and_a_wider_margin_are_worse():
    before = of({}, metric={**ACCURACY, "margin": 0.01}, training={"latency_ms": 1.0})
    after = of({}, metric={**ACCURACY, "margin": 0.02}, training={"latency_ms": 2.0})
    assert tones(before, after) == {"metric.margin": "worse", "training.latency_ms": "worse"}


def test_a_tensor_that_is_taken_otherwise_is_a_change():
    other = document({}, {}, {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 5]}]})
    (change,) = changes(of({}), other)
    assert (change.before, change.after) == ("FP32 [any, 4]", "FP32 [any, 5]")
