"""Plans come into force under load, and only what a plan opens can be reached."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import time
from contextlib import closing

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from onnx import helper

from formats.plan import WHOLE, serialise, sign
from scoring.artifacts import blob_path
from scoring.node.files import write_atomically
from scoring.routing import splitter, unit_hasher
from tests.scoring import models
from tests.scoring.load import Load
from tests.scoring.nodes import Node, arms, envelope, model, plan, token, wait_for


@pytest.fixture
def fresh(tmp_path, store):
    """A node that a test may treat as it likes."""
    made = []

    def start(**more):
        node = Node(tmp_path, store, **more).start()
        made.append(node)
        return node

    yield start
    for node in made:
        if not node.ended():
            node.stop()


def ask(node, name="m", **more):
    with closing(node.client()) as client:
        return client.infer(name, **more)


def test_twenty_switches_under_load_lose_nothing_and_mix_nothing(fresh, store):
    node = fresh()
    one, two = store.version(1, models.constant(1.0)), store.version(2, models.constant(2.0))
    node.serve({"m": model(1, [one, two])})
    switches = []
    with Load(node, "m", clients=6, spread=True) as load:
        for revision, (live, other) in enumerate(
            itertools.islice(itertools.cycle([(two, one), (one, two)]), 20), 2
        ):
            node.serve({"m": model(revision, [live, other])})
            switches.append((time.monotonic(), str(live.number)))
            seen = len(load.seen)
            wait_for(lambda seen=seen: len(load.seen) > seen + 50, "traffic between two switches")

    assert load.failures == []
    assert all(answer.value == float(answer.version) for answer in load.seen)
    for (since, version), until in zip(
        switches, [at for at, _ in switches[1:]] + [float("inf")], strict=True
    ):
        # Between an acknowledgement and the next publication only one version answers: the publication
        # comes after the 50 answers that are waited for.
        asked = [answer for answer in load.seen if answer.asked > since and answer.answered < until]
        assert {answer.version for answer in asked[:50]} == {version}
    assert {answer.worker for answer in load.seen} == {"n1/0", "n1/1"}


def test_a_lower_sequence_and_a_lower_revision_change_nothing(fresh, store):
    node = fresh()
    one, two = store.version(1, models.constant(1.0)), store.version(2, models.constant(2.0))
    node.serve({"m": model(5, [one])})
    write_atomically(node.plan_path, envelope(plan(0, {"m": model(9, [two])})), durable=False)
    node.sequence = 7
    node.serve({"m": model(5, [one]), "n": model(1, [two])})
    node.publish({"m": model(4, [two]), "n": model(2, [one])})
    node.wait_revision("n", 2)

    assert ask(node, "m")[2]["model_version"] == "1"
    assert ask(node, "n")[2]["model_version"] == "1"


def test_a_staged_version_is_loaded_and_nobody_reaches_it(fresh, store):
    node = fresh()
    one, staged = store.version(1, models.constant(1.0)), store.version(2, models.constant(2.0), staged=True)
    node.serve({"m": model(1, [one, staged], arms((1, 1.0)))})
    wait_for(lambda: node.facts()["models"]["m"]["ready"] == [1, 2], "the staged version to be ready")

    status, _, answer = ask(node, version=2)
    assert (status, answer["code"]) == (404, "unknown_version")
    assert ask(node)[2]["model_version"] == "1"


def test_a_closed_version_answers_those_who_may_name_it(fresh, store):
    node = fresh()
    one, two = store.version(1, models.constant(1.0)), store.version(2, models.constant(2.0))
    tokens = [token(), token("assay_c_client", ["score"]), token("assay_o_other", models=["other"])]
    node.serve({"m": model(1, [one, two], arms((1, 1.0)))}, tokens=tokens)

    with closing(node.client()) as client:
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0, 0]}]}
        by_name = "/v2/models/m/versions/2/infer"
        assert client.call("POST", by_name, body)[2]["model_version"] == "2"
        refused = client.call("POST", by_name, body, auth="assay_c_client")
        assert (refused[0], refused[2]["code"]) == (403, "forbidden")
        assert client.call("POST", "/v2/models/m/infer", body, auth="assay_c_client")[0] == 200
        assert client.call("POST", "/v2/models/m/infer", body, auth="assay_o_other")[0] == 403
        missing = client.call("POST", "/v2/models/m/infer", body, auth=None)
        assert (missing[0], missing[2]["code"]) == (401, "missing_token")
        assert client.call("POST", "/v2/models/m/infer", body, auth="assay_n_nobody")[0] == 401
        assert client.call("GET", "/v2/models/m", auth="assay_o_other")[0] == 403


def test_a_revoked_token_and_an_expired_one_stop_counting(fresh, store):
    node = fresh()
    served = {"m": model(1, [store.version(1, models.constant(1.0))])}
    node.serve(served, tokens=[token(), token("assay_e_early", expires=time.time() + 600)])

    with closing(node.client()) as client:
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0, 0]}]}
        assert client.call("POST", "/v2/models/m/infer", body, auth="assay_e_early")[0] == 200
        node.serve(served, tokens=[token(), token("assay_e_early", expires=time.time() - 1)])
        assert client.call("POST", "/v2/models/m/infer", body, auth="assay_e_early")[0] == 401
        assert client.call("POST", "/v2/models/m/infer", body)[0] == 200
        node.serve(served, tokens=[])
        assert client.call("POST", "/v2/models/m/infer", body)[0] == 401
        node.serve(served, tokens=[], public=True)
        assert client.call("POST", "/v2/models/m/infer", body, auth=None)[0] == 200
        assert client.call("POST", "/v2/models/m/versions/1/infer", body, auth=None)[0] == 403


def test_units_go_where_the_split_sends_them(fresh, store):
    node = fresh()
    one, two = store.version(1, models.constant(1.0)), store.version(2, models.constant(2.0))
    shares = arms((2, 0.3), (1, 0.7))
    node.serve({"m": model(1, [one, two], shares)})

    with closing(node.client()) as client:
        for unit in (f"user-{n}" for n in range(40)):
            expected = shares[splitter(shares)(unit_hasher(b"salt")(unit))].version
            answer = client.infer("m", parameters={"unit": unit})[2]
            assert int(answer["model_version"]) == expected
        unnamed = [int(client.infer("m")[2]["model_version"]) for _ in range(200)]
    assert 20 < unnamed.count(2) < 110
    assert sum(arm.weight for arm in shares) == WHOLE


def answers(value):
    return [
        {
            "set": "end_to_end",
            "row": 0,
            "request": {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]},
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 1], "data": [value]}],
        },
        {"set": "confidence", "row": 0, "request": {"inputs": []}, "outputs": []},
    ]


def test_a_version_that_answers_otherwise_than_at_proof_never_serves(fresh, store):
    node = fresh()
    good = store.version(1, models.constant(1.0), answers=answers(1.0))
    bad = store.version(2, models.constant(2.0), answers=answers(2.5))
    node.serve({"m": model(1, [good])})
    node.publish({"m": model(2, [bad, good])})
    failed = wait_for(lambda: node.facts()["models"]["m"]["failed"], "the failure to be told")

    assert "otherwise than at proof" in failed["2"]
    assert node.facts()["models"]["m"]["revision"] == 1
    assert ask(node)[2]["model_version"] == "1"


def test_a_bad_model_holds_up_no_other(fresh, store):
    node = fresh()
    broken = store.version(1, models.constant(3.0), answers=answers(0.0))
    node.publish({"bad": model(1, [broken]), "good": model(1, [store.version(1, models.constant(1.0))])})
    node.wait_revision("good", 1)

    assert ask(node, "good")[0] == 200
    status, _, answer = ask(node, "bad")
    assert (status, answer["code"]) == (503, "not_ready")


def test_a_corrupt_copy_is_fetched_again_when_a_worker_loads_it(fresh, store):
    node = fresh(workers=1)
    version = store.version(1, models.constant(1.0))
    node.serve({"m": model(1, [version])})
    cached = node.data / "artifacts" / blob_path(version.model.sha256)
    cached.write_bytes(b"damaged")
    (pid,) = node.pids()
    assert node.process is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: node.facts()["restarts"] == 1 and node.all_joined(), "the heir")

    assert ask(node)[2]["outputs"][0]["data"] == [1.0]
    assert cached.read_bytes() != b"damaged"


def test_an_artifact_that_is_missing_is_said_and_comes_later(fresh, store):
    node = fresh()
    version = store.version(1, models.constant(41.0))
    place = store.root / blob_path(version.model.sha256)
    content = place.read_bytes()
    place.unlink()
    node.publish({"m": model(1, [version])})
    wait_for(lambda: node.facts()["models"].get("m", {}).get("failed"), "the failure to be told")
    place.write_bytes(content)
    node.wait_revision("m", 1)

    assert ask(node)[2]["outputs"][0]["data"] == [41.0]
    assert node.facts()["models"]["m"]["failed"] == {}


def test_signed_plans_are_followed_and_others_are_not(fresh, store, tmp_path):
    key = Ed25519PrivateKey.generate()
    public = tmp_path / "plan.pem"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    node = fresh(extra=["--plan-key", str(public)])
    served = {"m": model(1, [store.version(1, models.constant(1.0))])}
    write_atomically(node.plan_path, envelope(plan(8, served)), durable=False)
    write_atomically(node.plan_path, sign(serialise(plan(7, served)), Ed25519PrivateKey.generate()).encode())
    wait_for(lambda: "does not trust" in node.output(), "the refusal")
    assert node.facts()["models"] == {}
    write_atomically(node.plan_path, sign(serialise(plan(1, served)), key).encode())
    node.wait_revision("m", 1)

    assert node.facts()["sequence"] == 1


def test_a_node_starts_again_from_its_last_good_plan(fresh, store):
    node = fresh()
    node.serve({"m": model(3, [store.version(1, models.constant(1.0))])})
    node.stop()
    node.plan_path.unlink()
    json.loads((node.data / "last_plan.json").read_text())
    node.start()
    node.wait_revision("m", 3)

    assert ask(node)[0] == 200


def test_a_node_whose_port_is_taken_says_so(fresh, tmp_path, store):
    node = fresh()
    second = Node(tmp_path, store, name="second", extra=["--port", str(node.port)])

    with pytest.raises(AssertionError, match="is taken: choose another"):
        second.start()


def test_clients_are_let_go_gently(fresh, store):
    node = fresh(extra=["--drain-seconds", "5"])
    node.serve({"m": model(1, [store.version(1, models.constant(1.0))])})
    with closing(node.client()) as client:
        assert client.infer("m")[0] == 200
        assert node.process is not None
        node.process.terminate()
        wait_for(lambda: _refuses(node.port), "the listener to close")
        status, headers, _ = client.infer("m")
        assert (status, headers["connection"]) == (200, "close")
    node.process.wait(8)
    assert node.process.returncode == 0


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False


def heavy(seed: int) -> bytes:
    """A table of 30 MB, small enough to be held in each worker's own memory."""
    table = np.random.default_rng(seed).random((3_750_000, 2), dtype=np.float32)
    nodes = [
        helper.make_node("Cast", ["x"], ["places"], to=models.INT64),
        helper.make_node("Gather", ["table", "places"], ["y"]),
    ]
    return models.graph(
        nodes, [("x", models.FLOAT, ["n", 2])], [("y", models.FLOAT, ["n", 2, 2])], {"table": table}
    )


def test_a_version_that_nothing_names_any_more_gives_its_memory_back(fresh, store):
    node = fresh(workers=1)

    def memory() -> int:
        return node.facts()["memory_bytes"]

    node.serve({"m": model(1, [store.version(1, models.constant(1.0))])})
    with closing(node.client()) as client, closing(node.client()) as idle:
        # By the third request a head is known to the byte, and what it leads to.
        for each in (client, client, client, idle):
            assert each.infer("m")[0] == 200
        base = wait_for(memory, "a figure")
        for number in (2, 3, 4):
            node.serve({"m": model(number, [store.version(number, heavy(number))])})
            assert [each.infer("m")[0] for each in (client, idle)] == [200, 200]
        wait_for(lambda: memory() > base + (25 << 20), "one table to be counted")
        node.serve({"m": model(5, [store.version(5, models.constant(5.0))])})
        wait_for(lambda: memory() < base + (20 << 20), "the tables to be gone")
