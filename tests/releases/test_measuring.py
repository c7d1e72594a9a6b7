"""What becomes of a gate where the machine lacks something: its trouble, never the model's fault."""

from __future__ import annotations

import errno
import json

import pytest

from registry import inspection, sandbox
from registry.sandbox import NoSandbox
from registry.storage.errors import StoreFull
from releases.proof.cells import Proof
from releases.proof.examiner import spec
from releases.proof.examiner.result import Examination
from releases.proof.gates import Outcome
from releases.proof.room import Room
from releases.services.measuring import Bench
from scoring.runtime import locales
from tests import makers

pytestmark = pytest.mark.django_db


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A release of a text model on a machine without the locale."""
    monkeypatch.setattr(locales, "has", lambda name=locales.LOCALE: False)
    graphs = {"model": {"operators": [["", "StringNormalizer"]]}}
    made = Bench(makers.release(makers.version(inspection={"graphs": graphs})), tmp_path, lambda told: None)
    made._files = {key: tmp_path / key for key in ("model", "end_to_end", "confidence")}
    return made


@pytest.mark.parametrize("gate", ["end_to_end", "confidence", "benchmark"])
def test_what_cannot_be_loaded_here_for_want_of_a_locale_has_not_failed(bench, gate):
    verdict = bench.measure(gate)

    assert verdict.outcome is Outcome.ERRORED
    assert locales.MISSING in verdict.summary


def test_an_inspection_without_the_locale_decides_nothing(bench, monkeypatch):
    found = inspection.Inspection(findings=(inspection.Finding(inspection.NO_LOCALE, locales.MISSING),))
    monkeypatch.setattr(inspection, "inspect", lambda *files, **how: found)

    assert bench.measure("integrity").outcome is Outcome.ERRORED


@pytest.mark.parametrize(("gate", "alone"), [("benchmark", True), ("end_to_end", False)])
def test_a_benchmark_has_the_machine_for_itself_and_the_others_share_it(bench, settings, gate, alone):
    """Whoever is alone holds the door, so that it looks wanted from inside."""
    found = []

    def measure():
        found.append(Room(settings.DATA_DIR / "room").wanted())
        return {"reason": "enough"}

    bench._ways[gate] = measure
    bench.measure(gate)

    assert found == [alone]


def test_a_proof_whose_time_is_up_is_errored_and_says_where_the_time_is_given(bench):
    bench._ends = 0.0
    bench._ways["confidence"] = bench._left

    verdict = bench.measure("confidence")

    assert verdict.outcome is Outcome.ERRORED
    assert "proof_minutes" in verdict.summary


def test_a_metric_without_its_output_is_a_whole_one_to_the_examiner(tmp_path):
    manifest = {"metric": {"name": "top_k", "k": 2, "range": [0.5, 1], "classes": ["a", "b"]}}
    made = Bench(makers.release(makers.version(manifest=manifest)), tmp_path, lambda told: None)

    told = spec.parse(
        json.dumps(
            {
                "socket": "/s",
                "model": "m",
                "version": 1,
                "sets": {},
                "signature": made.version.signature,
                "metric": made._metric(),
                "scratch": "/s",
            }
        ).encode()
    )

    assert told.metric.output is None
    assert (told.metric.classes, told.metric.k, told.metric.range) == (("a", "b"), 2, (0.5, 1))


def test_a_gate_whose_proof_broke_leaves_the_next_one_its_own_word(tmp_path, monkeypatch):
    """The proof of both data gates broke in the first one; the second one said "File exists"."""
    manifest = {"metric": {"name": "accuracy", "range": [0.5, 1]}}
    version = makers.version(manifest=manifest)
    made = Bench(makers.release(version), tmp_path / "work", lambda told: None)
    keys = [*version.files.values_list("key", flat=True), "end_to_end", "confidence"]
    made._files = {key: tmp_path / key for key in keys}
    for path in made._files.values():
        path.write_bytes(b"-")

    def start(*argv, **how):
        raise NoSandbox("there is no sandbox here")

    monkeypatch.setattr(sandbox, "start", start)
    said = [made.measure(gate).summary for gate in ("end_to_end", "confidence", "confidence")]

    assert said == ["This gate could not be run: there is no sandbox here"] * 3


HANGS = "in the confidence set, row 3, asked alone and 3 times, was never answered in time"


def test_what_hung_before_the_data_gates_is_not_asked_again_for_the_benchmark(tmp_path, monkeypatch):
    made = Bench(makers.release(makers.version()), tmp_path, lambda told: None)
    made._data_proof = Proof(Examination("failed", HANGS, hangs=HANGS))
    monkeypatch.setattr(made, "_prove", None)

    told = made.measure("benchmark")

    assert (told.outcome, told.summary) == (Outcome.FAILED, HANGS)


def test_what_could_not_be_loaded_for_the_data_gates_is_not_loaded_again_for_the_benchmark(
    tmp_path, monkeypatch
):
    manifest = {"metric": {"name": "accuracy", "range": [0.5, 1]}}
    made = Bench(makers.release(makers.version(manifest=manifest)), tmp_path, lambda told: None)
    made._data_proof = Proof(None, "The model was not loaded within 50 s.")
    monkeypatch.setattr(made, "_prove", None)

    verdicts = [made.measure(gate) for gate in ("end_to_end", "confidence", "benchmark")]

    assert {(verdict.outcome, verdict.summary) for verdict in verdicts} == {
        (Outcome.FAILED, "The model was not loaded within 50 s.")
    }


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EROFS, "x"), StoreFull("no room")],
)
def test_a_gate_without_room_on_the_disk_is_left_open_and_its_job_waits(bench, error):
    def measure():
        raise error

    bench._ways["confidence"] = measure

    with pytest.raises(type(error)):
        bench.measure("confidence")
