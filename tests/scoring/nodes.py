"""Real scoring nodes for tests: a store, plans, processes, and what a client sees of them."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from formats.documents import Hex
from formats.plan import (
    WHOLE,
    Arm,
    ArtifactRef,
    ModelPlan,
    PlannedToken,
    PlannedVersion,
    RoutingPlan,
    serialise,
)
from formats.types import Signature, TensorSpec
from scoring.artifacts import blob_path
from scoring.node.files import write_atomically
from scoring.runtime.onnx import load
from scoring.runtime.pipe import signature_of

ROOT = Path(__file__).parents[2]
TOKEN = "assay_t_secret"
ALL = ("score", "score-version", "feedback")
REQUEST_KEY = bytes(range(32))


def wait_for(true: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.01)
    return found


def token(
    text: str = TOKEN, scopes: Sequence[str] = ALL, models: Sequence[str] = ("*",), **more
) -> PlannedToken:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return PlannedToken(text, digest, frozenset(scopes), frozenset(models), **more)


def arms(*pairs: tuple[int, float]) -> tuple[Arm, ...]:
    """(version, share), the last one takes the rest."""
    made = [Arm(number, int(WHOLE * share), f"canary:{share}") for number, share in pairs[:-1]]
    return (*made, Arm(pairs[-1][0], WHOLE - sum(arm.weight for arm in made), "champion"))


class Store:
    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, content: bytes) -> ArtifactRef:
        digest = hashlib.sha256(content).hexdigest()
        place = self.root / blob_path(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return ArtifactRef(digest, len(content))

    def version(
        self,
        number: int,
        model: bytes,
        extractor: bytes | None = None,
        *,
        features: dict[str, Sequence[str]] | None = None,
        answers: Sequence[dict[str, Any]] | None = None,
        **more: Any,
    ) -> PlannedVersion:
        refs = [self.put(model), self.put(extractor) if extractor else None]
        graphs = [ref and load(self.root / blob_path(ref.sha256), ref.sha256) for ref in refs]
        found = signature_of(graphs[1], graphs[0])
        named = tuple(
            TensorSpec(s.name, s.datatype, s.shape, tuple((features or {}).get(s.name, ())), s.optional)
            for s in found.inputs
        )
        lines = None
        if answers is not None:
            head = {"format": 1, "atol": 1e-6, "rtol": 1e-5, "end_to_end": len(answers), "confidence": 0}
            lines = self.put("".join(json.dumps(line) + "\n" for line in [head, *answers]).encode())
        digest = hashlib.sha256(repr((number, refs)).encode()).hexdigest()
        return PlannedVersion(
            number,
            digest,
            refs[0],
            Signature(named, found.outputs),
            refs[1],
            lines,
            **{"batchable": True, **more},
        )


def model(
    revision: int, versions: Sequence[PlannedVersion], split: Sequence[Arm] | None = None, **more
) -> ModelPlan:
    """All traffic to the first version, unless a split says otherwise."""
    chosen = arms((versions[0].number, 1.0)) if split is None else tuple(split)
    return ModelPlan(revision, Hex(b"salt"), chosen, {each.number: each for each in versions}, **more)


def plan(
    sequence: int, models: dict[str, ModelPlan], tokens: Sequence[PlannedToken] | None = None, **more
) -> RoutingPlan:
    chosen = (token(),) if tokens is None else tuple(tokens)
    environment = more.pop("environment", "production")
    return RoutingPlan(environment, sequence, 1_790_000_000.0, models, chosen, **more)


def envelope(document: RoutingPlan) -> bytes:
    return json.dumps({"payload": serialise(document)}).encode()


class Node:
    """A scoring node in processes of its own."""

    def __init__(
        self, folder: Path, store: Store, *, workers: int = 2, name: str = "n1", extra: Sequence[str] = ()
    ):
        self.folder, self.name = folder, name
        self.data = folder / f"data-{name}"
        self.data.mkdir(parents=True, exist_ok=True)
        self.plan_path = folder / f"plan-{name}.json"
        self.key_path = folder / "request.key"
        self.key_path.write_bytes(REQUEST_KEY)
        where = () if "--socket" in extra or "--port" in extra else ("--port", "0")
        signed = () if "--plan-key" in extra else ("--unsigned",)
        self.command = [
            *(sys.executable, "-m", "scoring", "--node", name, "--data", str(self.data)),
            *("--store", f"file:{store.root}", "--plan", str(self.plan_path), "--workers", str(workers)),
            *("--request-key", str(self.key_path), *signed, *where, *extra),
        ]
        self.process: subprocess.Popen[bytes] | None = None
        self.sequence = 0

    def start(self) -> Node:
        (self.data / "node.json").unlink(missing_ok=True)
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, stderr=log)
        try:
            wait_for(lambda: self.ended() or (self.data / "node.json").exists(), "the heartbeat file")
            assert not self.ended(), self.output()
        except AssertionError:
            self.stop()
            raise
        return self

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def output(self) -> str:
        return (self.folder / f"{self.name}.log").read_text()

    def facts(self) -> dict[str, Any]:
        return json.loads((self.data / "node.json").read_text())

    def publish(self, models: dict[str, ModelPlan], **more: Any) -> RoutingPlan:
        self.sequence += 1
        document = plan(self.sequence, models, **more)
        write_atomically(self.plan_path, envelope(document), durable=False)
        return document

    def wait_sequence(self, sequence: int | None = None) -> None:
        wanted = self.sequence if sequence is None else sequence
        wait_for(lambda: self.facts()["sequence"] >= wanted and self.all_joined(), f"sequence {wanted}")

    def wait_revision(self, name: str, revision: int) -> None:
        wait_for(
            lambda: self.facts()["models"].get(name, {}).get("revision", 0) >= revision and self.all_joined(),
            f"{name} at revision {revision}\n{self.output()[-2000:]}",
        )

    def all_joined(self) -> bool:
        facts = self.facts()
        return len(facts["workers"]) == int(self.command[self.command.index("--workers") + 1]) and all(
            worker["sequence"] >= 0 for worker in facts["workers"]
        )

    def serve(self, models: dict[str, ModelPlan], **more: Any) -> None:
        """Publish and wait until every worker follows."""
        self.publish(models, **more)
        for name, entry in models.items():
            self.wait_revision(name, entry.revision)
        self.wait_sequence()

    @property
    def port(self) -> int:
        return int(self.facts()["address"].rpartition(":")[2])

    def client(self, timeout: float = 10.0) -> Client:
        return Client(self.port, timeout)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def pids(self) -> list[int]:
        return [worker["pid"] for worker in self.facts()["workers"]]

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Client(http.client.HTTPConnection):
    """Keeps its connection; `call` answers (status, headers, document or bytes)."""

    def __init__(self, port: int, timeout: float) -> None:
        super().__init__("127.0.0.1", port, timeout=timeout)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        auth: str | None = TOKEN,
    ) -> tuple[int, dict[str, str], Any]:
        sent = {"Authorization": f"Bearer {auth}"} if auth else {}
        raw = body if isinstance(body, bytes | type(None)) else json.dumps(body).encode()
        self.request(method, path, raw, {**sent, **(headers or {})})
        answer = self.getresponse()
        content = answer.read()
        names = {name.lower(): value for name, value in answer.getheaders()}
        kind = names.get("content-type", "")
        return (
            answer.status,
            names,
            json.loads(content) if kind == "application/json" and content else content,
        )

    def infer(self, name: str, data: Any = (1.0, 2.0), *, version: int | None = None, **more: Any):
        part = "" if version is None else f"/versions/{version}"
        body = {
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, len(data)], "data": list(data)}],
            **more,
        }
        return self.call("POST", f"/v2/models/{name}{part}/infer", body)
