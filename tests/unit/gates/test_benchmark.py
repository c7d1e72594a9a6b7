from __future__ import annotations

from dataclasses import fields

import pytest

from formats.types import Signature, VersionRef
from registry import model_policy
from registry.errors import BadInput
from releases.proof.examiner.result import Benchmark as Measured
from releases.proof.gates import Candidate, Outcome
from releases.proof.gates.benchmark import Benchmark
from releases.web.policy_words import MEASURES

FOUND = {
    "p50_ms": {"value": 1.0, "low": 0.9, "high": 1.1},
    "p90_ms": {"value": 2.0, "low": 1.9, "high": 2.1},
    "p99_ms": {"value": 3.0, "low": 2.9, "high": 3.1},
    "samples_per_second": 800.0,
    "load_ms": 40.0,
    "peak_memory_bytes": 2**28,
    "size_bytes": 2**20,
    "profile": "x86_64-2",
}
WORSE = dict.fromkeys(model_policy.CEILINGS, 0.5) | {"samples_per_second": 900.0}
KEPT = dict.fromkeys(model_policy.CEILINGS, 2.0**40) | {"samples_per_second": 10.0}


def verdict(benchmark, **found):
    candidate = Candidate(
        ref=VersionRef("digits", 1, "0" * 64),
        signature=Signature((), ()),
        policy={"benchmark": benchmark},
        measured=FOUND | found,
    )
    return Benchmark().check(candidate)


@pytest.mark.parametrize("name", model_policy.MEASURED)
def test_each_measured_figure_can_be_held_to_a_limit(name):
    kept, broken = verdict({"any": {name: KEPT[name]}}), verdict({"any": {name: WORSE[name]}})
    assert (kept.outcome, broken.outcome) == (Outcome.PASSED, Outcome.FAILED)
    assert name in broken.summary


def test_samples_per_second_is_a_floor():
    assert verdict({"any": {"samples_per_second": 800}}).outcome == Outcome.PASSED
    slow = verdict({"any": {"samples_per_second": 801}})
    assert slow.outcome == Outcome.FAILED
    assert "samples_per_second is 800, the limit at least 801" in slow.summary


def test_a_limit_on_what_is_not_measured_never_passes_silently():
    judged = verdict({"any": {"p95_ms": 1000}})
    assert judged.outcome == Outcome.FAILED
    assert "p95_ms is not measured" in judged.summary
    assert verdict({"any": {"load_ms": 1000}}, load_ms=None).outcome == Outcome.FAILED


def test_limits_for_other_hardware_are_said_to_hold_nothing_here():
    judged = verdict({"gpu-a100": {"p99_ms": 0.1}})
    assert judged.outcome == Outcome.PASSED
    assert "No limit was held: the policy's are for gpu-a100, measured was on x86_64-2." in judged.summary
    assert "No limit was held" not in verdict({}).summary
    assert "No limit was held" not in verdict({"any": {"p99_ms": 10}, "gpu-a100": {"p99_ms": 1}}).summary


@pytest.mark.parametrize(
    ("document", "field", "hint"),
    [
        ({"benchmark": {"any": {"p95_ms": 20}}}, "policy.benchmark.any.p95_ms", "did you mean p9"),
        ({"benchmark": {"any": {"latency": 20}}}, "policy.benchmark.any.latency", "measured are p50_ms"),
    ],
)
def test_a_policy_that_says_what_nothing_reads_is_refused(document, field, hint):
    with pytest.raises(BadInput, match=hint) as refused:
        model_policy.judge(document)
    assert refused.value.facts["field"] == field
    assert model_policy.parse(document)


def test_policy_page_and_proof_know_the_same_figures():
    assert set(MEASURES) == set(model_policy.MEASURED)
    of_the_examiner = {field.name for field in fields(Measured)}
    of_the_bench = {"load_ms", "peak_memory_bytes", "size_bytes"}
    assert set(model_policy.MEASURED) <= of_the_examiner | of_the_bench


def test_a_benchmark_that_ended_for_a_reason_fails_with_it():
    told = verdict({"any": {"p99_ms": 5.0}}, reason="the model killed its worker")
    assert (told.outcome, told.summary) == (Outcome.FAILED, "the model killed its worker")
    assert told.evidence["p99_ms"] == FOUND["p99_ms"]
