"""Models as people bring them travel the whole way, and answer on every door what onnxruntime answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest
from tritonclient import grpc as triton_grpc
from tritonclient import http as triton_http

from demo.browser import Browser
from demo.rest import Rest
from formats.dtypes import datatype_of
from tests.journeys import brought
from tests.journeys.brought import Array, Brought, Feeds

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

SEEDED = """
from demo.seeding import seed
found = seed()
print("seeded", found.token, found.password)
"""
IN_ROWS = (brought.words, brought.two_files, brought.text_labels, brought.several_labels)
"""These on PostgreSQL: texts, inputs and labels that it stores. What else a model is no database sees."""
GROUNDS = "Read it, and asked it the same as onnxruntime."


@dataclass(frozen=True)
class Desk:
    """CI and the people who look at what it brings."""

    ci: Rest
    token: str
    approver: Browser
    manager: Browser


@pytest.fixture(scope="module")
def desk(live_tree) -> Iterator[Desk]:
    said = live_tree.manage("shell", "-v", "0", "-c", SEEDED)
    found = re.search(r"^seeded (\S+) (\S+)$", said, re.MULTILINE)
    assert found, said
    token, password = found.groups()
    rest, people = Rest(live_tree.web, token), [Browser(live_tree.web, name) for name in ("edda", "chloe")]
    for person in people:
        person.log_in(password)
    yield Desk(rest, token, *people)
    for one in (rest, *people):
        one.close()


@pytest.fixture(scope="module")
def kinds(request):
    return IN_ROWS if request.config.getoption("--postgres") else brought.KINDS


@pytest.fixture(scope="module")
def released(live_tree, desk, kinds) -> dict[str, tuple[Brought, str]]:
    """Every model by name, with what stopped it on its way; nothing where it is live. Proofs run at once."""
    versions = [make() for make in kinds]
    uploads = {version.name: upload(desk, version) for version in versions}
    return {version.name: (version, follow(desk, version, uploads[version.name])) for version in versions}


def upload(desk: Desk, version: Brought) -> httpx.Response:
    policy = {"slots": ["approval"]}
    made = desk.ci.post("/models", {"name": version.name, "task": version.task, "policy": policy})
    assert made.status_code in (201, 409), made.text
    files = {
        "model": ("model.onnx", version.model),
        "end_to_end": ("end_to_end.npz", brought.npz(version.end_to_end)),
        "confidence": ("confidence.npz", brought.npz(version.confidence)),
        "requirements": ("requirements.txt", b"onnxruntime\n"),
        "card": ("CARD.md", b"# A model of this kind\n\nFor this journey."),
        **version.files,
    }
    manifest = {
        "model": version.name,
        "files": {key: name for key, (name, _) in files.items()},
        "training": {"library": "lab", "library_version": "1", "algorithm": version.name},
        "data": {
            "training": {"version": "1", "uri": "s3://lab/x", "sha256": "0" * 64, "rows": 100},
            "validation": {"version": "1", "uri": "s3://lab/y"},
        },
        "metric": version.metric,
        "built": {"by": "ci@example.org", "at": "2026-11-20T10:00:00Z"},
        "release": {"environment": "production", "strategy": {"kind": "single"}},
    }
    for key, more in version.manifest.items():
        manifest[key] = {**manifest.get(key, {}), **more} if isinstance(more, dict) else more
    parts = {"manifest": ("model.json", json.dumps(manifest)), **files}
    return desk.ci.send(f"/models/{version.name}/versions", parts)


def follow(desk: Desk, version: Brought, uploaded: httpx.Response) -> str:
    if uploaded.status_code not in (200, 201):
        return f"the upload was answered {uploaded.status_code}: {uploaded.text[:900]}"
    release, told = uploaded.json()["release"]["id"], []
    state = desk.ci.wait_for_gates(
        release, lambda gate: told.append(f"{gate['name']}: {gate['summary']}"), 300
    )
    if state != "in_review":
        return f"it is {state}: {told}"
    if not desk.approver.sign(release, "approval", "approve", GROUNDS):
        return "the page has no form to approve"
    if not desk.manager.act(release, "start_rollout", GROUNDS, version.name):
        return "the page has no button to start"
    found = desk.ci.wait_for_state(release, {"live", "approved", "rolled_back"}, 120)
    return "" if found["state"] == "live" else f"{found['state']}: {found['rollout']}"


@pytest.fixture(params=[make.__name__ for make in brought.KINDS])
def version(request, released, kinds) -> Brought:
    made = {make.__name__: make for make in brought.KINDS}[request.param]
    if made not in kinds:
        pytest.skip("no database sees what kind of model it is: SQLite has shown it")
    name = next(name for name, (one, _) in released.items() if one.name == made().name)
    found, stopped = released[name]
    assert not stopped, f"{name}: {stopped}"
    return found


def test_every_door_says_what_onnxruntime_says(version, desk, live_tree):
    wanted = version.expected()
    secret = {"Authorization": f"Bearer {desk.token}"}
    with httpx.Client(base_url=live_tree.scoring, headers=secret, trust_env=False, timeout=30) as client:
        doors = {
            "v2, flat": v2(client, version, nested=False),
            "v2, nested": v2(client, version, nested=True),
            "score": score(client, version),
            "invocations": invocations(client, version),
        }
    doors["v2, binary"] = over_http(live_tree.scoring, version, secret)
    doors["gRPC"] = over_grpc(live_tree.grpc, version, secret)
    for door, told in doors.items():
        assert set(told) == set(wanted), door
        for name, array in wanted.items():
            assert_same(array, told[name], f"{door}, {name}")


def assert_same(wanted: Array, told: Any, where: str) -> None:
    found = np.asarray(told)
    assert found.size == wanted.size, f"{where}: {found.shape} for {wanted.shape}"
    if wanted.dtype.kind in "OSU":
        texts = [one.decode() if isinstance(one, bytes) else str(one) for one in found.reshape(-1)]
        assert texts == [str(one) for one in wanted.reshape(-1)], where
    else:
        np.testing.assert_allclose(
            found.reshape(wanted.shape).astype(float), wanted.astype(float), 1e-4, 1e-5, err_msg=where
        )


def v2(client: httpx.Client, version: Brought, *, nested: bool) -> Feeds:
    tensors = [
        {
            "name": name,
            "shape": list(array.shape),
            "datatype": datatype_of(array),
            "data": plain(array if nested else array.reshape(-1)),
        }
        for name, array in version.question.items()
    ]
    said = answered(client.post(f"/v2/models/{version.name}/infer", json={"inputs": tensors}))
    return {one["name"]: np.array(one["data"]).reshape(one["shape"]) for one in said["outputs"]}


def score(client: httpx.Client, version: Brought) -> dict[str, Any]:
    body = {"inputs": {name: plain(array) for name, array in version.question.items()}}
    return dict(answered(client.post(f"/score/{version.name}", json=body))["outputs"])


def invocations(client: httpx.Client, version: Brought) -> dict[str, Any]:
    body = {"inputs": {name: plain(array) for name, array in version.question.items()}}
    said = answered(client.post(f"/invocations/{version.name}", json=body))["predictions"]
    return said if isinstance(said, dict) else {next(iter(version.expected())): said}


def answered(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def plain(array: Array) -> Any:
    """Lists as JSON takes them: a gap is null."""

    def worded(value: Any) -> Any:
        if isinstance(value, list):
            return [worded(one) for one in value]
        return None if isinstance(value, float) and value != value else value

    return worded(array.tolist())


def over_http(url: str, version: Brought, secret: dict[str, str]) -> dict[str, Any]:
    client = triton_http.InferenceServerClient(url.removeprefix("http://"))
    try:
        told = client.infer(version.name, tensors_of(triton_http, version), headers=secret)
        return {name: told.as_numpy(name) for name in version.expected()}
    finally:
        client.close()


def over_grpc(address: str, version: Brought, secret: dict[str, str]) -> dict[str, Any]:
    client = triton_grpc.InferenceServerClient(address)
    try:
        headers = {"authorization": secret["Authorization"]}
        told = client.infer(version.name, tensors_of(triton_grpc, version), headers=headers)
        return {name: told.as_numpy(name) for name in version.expected()}
    finally:
        client.close()


def tensors_of(triton: Any, version: Brought) -> list[Any]:
    found = []
    for name, array in version.question.items():
        tensor = triton.InferInput(name, list(array.shape), datatype_of(array))
        tensor.set_data_from_numpy(array.astype(object) if array.dtype.kind == "U" else array)
        found.append(tensor)
    return found
