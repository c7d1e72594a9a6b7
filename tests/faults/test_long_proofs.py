"""A model of milliseconds a row: it tells how far it is, survives kill -9 in its middle, and passes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import psutil
import pytest
from onnx import TensorProto, helper, numpy_helper

from demo.rest import Rest
from formats.plan import ArtifactRef, PlannedVersion
from formats.types import Signature, TensorSpec
from releases.proof import cells
from releases.proof.room import Room
from releases.proof.server_cell import Subject
from tests import live
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600), pytest.mark.xdist_group("live tree")]
TOKEN = "assay_c0ffee00_proofs-of-hours-are-possible"
WIDTH, LAYERS, ROWS = 1024, 60, 4096


def slow_model() -> bytes:
    """Answers what it was asked, after some hundred million multiplications a row."""
    weights = np.full((WIDTH, WIDTH), 1 / WIDTH, np.float32)
    widen = np.full((2, WIDTH), 1e-6, np.float32)
    nodes = [helper.make_node("MatMul", ["x", "widen"], ["h0"])]
    nodes += [helper.make_node("MatMul", [f"h{n}", "weights"], [f"h{n + 1}"]) for n in range(LAYERS)]
    nodes += [
        helper.make_node("ReduceMean", [f"h{LAYERS}"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Slice", ["x", "zero", "one", "one"], ["first"]),
        helper.make_node("Add", ["first", "mean"], ["y"]),
    ]
    constants = {"weights": weights, "widen": widen, "zero": np.array([0]), "one": np.array([1])}
    graph = helper.make_graph(
        nodes,
        "slow",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    graph.node[-2].input.extend([])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def npz(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, **{name.replace("__", "/"): array for name, array in arrays.items()})
    return out.getvalue()


def parts() -> dict[str, tuple[str, bytes]]:
    rows = np.random.default_rng(1).normal(size=(ROWS, 2)).astype(np.float32)
    data = {"version": "1", "uri": "s3://lake/slow", "sha256": "0" * 64, "rows": 10}
    manifest = {
        "model": "slow",
        "files": {
            "model": "model.onnx",
            "end_to_end": "end_to_end.npz",
            "confidence": "confidence.npz",
            "requirements": "requirements.txt",
            "card": "CARD.md",
        },
        "training": {
            "library": "none",
            "library_version": "1",
            "algorithm": "by hand",
            "hyperparameters": {},
        },
        "data": {"training": data, "validation": data},
        "metric": {"name": "rmse", "output": "y", "range": [0, 0.1]},
        "built": {"by": "ci@example.org", "at": "2026-11-20T10:00:00Z"},
    }
    few = rows[:4]
    return {
        "manifest": ("model.json", json.dumps(manifest).encode()),
        "model": ("model.onnx", slow_model()),
        "end_to_end": (
            "end_to_end.npz",
            npz(inputs__x=few, expected__y=few[:, :1], atol=np.float64(0.01), rtol=np.float64(0)),
        ),
        "confidence": ("confidence.npz", npz(inputs__x=rows, target=rows[:, 0])),
        "requirements": ("requirements.txt", b"onnxruntime\n"),
        "card": ("CARD.md", b"# Slow\n\nIntended use: waiting.\n"),
    }


@pytest.fixture(scope="module")
def product() -> Iterator[tuple[live.LiveTree, Rest]]:
    with live.running(ASSAY_DEMO_TOKEN=TOKEN, ASSAY_BENCHMARK_SECONDS="1") as tree:
        tree.manage("shell", "-c", "from demo.seeding import seed; seed()")
        ci = Rest(tree.web, TOKEN)
        yield tree, ci
        ci.close()


def gate(ci: Rest, release: int, name: str) -> dict:
    return next(g for g in ci.get(f"/releases/{release}/gates")["gates"] if g["name"] == name)


def test_a_long_proof_tells_its_progress_survives_kill_nine_and_passes(product):
    tree, ci = product
    ci.post("/models", {"name": "slow", "description": "", "task": ""})
    answer = ci._http.post("/models/slow/versions", files=parts())
    assert answer.status_code == 201, answer.text
    opened = ci.post(
        "/models/slow/versions/1/releases", {"environment": "production", "strategy": {"kind": "single"}}
    )
    assert opened.status_code == 201, opened.text
    release = opened.json()["id"]

    seen: list[dict] = []

    def under_way() -> bool:
        told = [g["progress"] for g in ci.get(f"/releases/{release}/gates")["gates"] if g["progress"]]
        seen.extend(told)
        return any(p["part"] == "confidence" and p["done"] > 50 for p in told)

    wait_until(under_way, "the confidence set to be under way", 120)
    assert {p["of"] for p in seen if p["part"] == "confidence"} == {ROWS + 200}
    for process in psutil.Process(tree.pids()["proving"]).children(recursive=True):
        os.kill(process.pid, signal.SIGKILL)
    tree.kill("proving")

    def through() -> bool:
        return all(
            g["outcome"] != "pending"
            or g["name"] not in {"integrity", "schema", "end_to_end", "confidence", "benchmark"}
            for g in ci.get(f"/releases/{release}/gates")["gates"]
        )

    wait_until(through, "the repeated proof to end", 300)
    gates = {g["name"]: g for g in ci.get(f"/releases/{release}/gates")["gates"]}
    assert {name: (g["outcome"], g["summary"]) for name, g in gates.items() if g["outcome"] != "passed"} == {}
    assert 1 < gates["confidence"]["evidence"]["rows_per_call"] < ROWS
    assert all(g["progress"] is None for g in gates.values())
    assert [e["kind"] for e in ci.get(f"/releases/{release}")["timeline"]].count("gate.finished") == 5


@pytest.fixture
def proven(tmp_path):
    """Prove the slow model on its confidence set, with so many seconds for it."""

    def play(seconds: float, **more):
        sent = parts()
        content, rows = sent["model"][1], tmp_path / "confidence.npz"
        path, digest = tmp_path / "model.onnx", hashlib.sha256(content).hexdigest()
        path.write_bytes(content)
        path.chmod(0o444)
        rows.write_bytes(sent["confidence"][1])
        signature = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1, 1)),))
        version = PlannedVersion(1, "0" * 64, ArtifactRef(digest, len(content)), signature)
        spec = {
            "rows": None,
            "signature": signature.to_json(),
            "metric": {"name": "rmse", "output": "y", "range": [0, 0.1]},
            "do": ["confidence"],
            "seed": 1,
        }
        subject = Subject("slow", version, {digest: path})
        return cells.prove(tmp_path / "work", subject, {"confidence": rows}, spec, seconds=seconds, **more)

    return play


def test_time_that_is_up_is_no_fault_of_the_model(proven):
    with pytest.raises(cells.OutOfTime, match="proof_minutes"):
        proven(4)


def test_an_examination_that_stands_still_is_ended(proven, monkeypatch):
    monkeypatch.setattr(cells, "STALLS_AFTER_S", 1.5)

    def stand_still(report):
        for process in psutil.Process().children(recursive=True):
            if any("releases.proof" in word for word in process.cmdline()):
                process.suspend()

    with pytest.raises(cells.OutOfTime, match="no progress"):
        proven(60, watch=stand_still)


def test_whoever_must_be_alone_gets_the_machine_between_two_calls(proven, tmp_path):
    """The examiner pauses, and goes on where it was."""
    folder, alone = tmp_path / "room", []
    mine = Room(folder)

    def benchmark():
        with Room(folder).alone():
            alone.append(time.monotonic())

    def seen(report):
        if report.part == "confidence" and report.done and not waiting.is_alive() and not alone:
            waiting.start()

    waiting = threading.Thread(target=benchmark, daemon=True)
    with mine.beside_others():
        found = proven(300, watch=seen, room=mine)
        ended = time.monotonic()
    waiting.join(10)
    assert found.examination.confidence.value < 0.1
    assert alone[0] < ended
