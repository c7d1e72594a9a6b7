"""Who the peers are, how each is asked and how its answers are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.closed_loop import message
from benchmarks.servers import ROOT, Server, free_port, infer_path
from benchmarks.workloads import Workload

HOME = ROOT / ".venv-peers"
_ONNX = ("onnxruntime", "numpy")


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that others wrote. `probabilities` reads the model's answer, shape (rows, classes)."""

    name: str
    title: str
    packages: tuple[str, ...]
    path: str
    body: Callable[[Workload, int], bytes]
    probabilities: Callable[[Any], Any]

    @property
    def python(self) -> Path:
        return HOME / self.name / "bin" / "python"

    @property
    def program(self) -> Path:
        return Path(__file__).with_name(f"{self.name}_app.py")

    def request(self, workload: Workload, rows: int) -> bytes:
        return message(self.path, self.body(workload, rows))

    def installed(self) -> bool:
        return (HOME / self.name / ".installed").exists()

    def versions(self) -> dict[str, str]:
        """Package -> version, of those that the peer is made of."""
        found = {}
        for folder in (HOME / self.name).glob("lib/python*/site-packages/*.dist-info"):
            package, _, number = folder.name.removesuffix(".dist-info").partition("-")
            found[package.lower().replace("_", "-")] = number
        return {name: found[name] for name in self.packages if name in found}

    def start(self, folder: Path, workload: Workload) -> Server:
        folder.mkdir(parents=True, exist_ok=True)
        model = folder / "model.onnx"
        model.write_bytes(workload.model)
        port = free_port()
        command = [str(self.python), str(self.program), str(port), str(model)]
        return Server(command, port, [self.request(workload, 1)], folder / f"{self.name}.log")


def protocol(workload: Workload, rows: int) -> bytes:
    return workload.json_body(rows)


def nested(workload: Workload, rows: int) -> bytes:
    return json.dumps({"x": _rows(workload, rows)}, separators=(",", ":")).encode()


def named(workload: Workload, rows: int) -> bytes:
    return json.dumps({"inputs": {"x": _rows(workload, rows)}}, separators=(",", ":")).encode()


def from_protocol(answer: Any) -> Any:
    (tensor,) = (tensor for tensor in answer["outputs"] if tensor["name"] == "probabilities")
    return np.reshape(tensor["data"], tensor["shape"])


def _rows(workload: Workload, rows: int) -> Any:
    return np.round(workload.rows(rows).astype(np.float64), 4).tolist()


ALL = {
    peer.name: peer
    for peer in (
        Peer(
            "fastapi",
            "FastAPI",
            ("fastapi", "uvicorn", "uvloop", "httptools", *_ONNX),
            infer_path(),
            protocol,
            from_protocol,
        ),
        Peer("mlserver", "MLServer", ("mlserver", *_ONNX), infer_path(), protocol, from_protocol),
        Peer(
            "bentoml",
            "BentoML",
            ("bentoml", *_ONNX),
            "/infer",
            nested,
            lambda answer: np.array(answer["probabilities"]),
        ),
        Peer(
            "litserve",
            "LitServe",
            ("litserve", *_ONNX),
            "/predict",
            nested,
            lambda answer: np.array(answer["probabilities"]),
        ),
        Peer("kserve", "KServe", ("kserve", *_ONNX), infer_path(), protocol, from_protocol),
        Peer(
            "mlflow",
            "MLflow",
            ("mlflow", "onnx", *_ONNX),
            "/invocations",
            named,
            lambda answer: np.array(answer["predictions"]["probabilities"]),
        ),
    )
}
