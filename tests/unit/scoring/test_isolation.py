"""What a scoring process must not drag along, asked of fresh interpreters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def modules_after(statement: str, **environment: str) -> set[str]:
    code = f"import sys, os; {statement}; print(os.environ.get('ORT_DISABLE_TELEMETRY')); print(*sys.modules)"
    clean = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    telemetry, names = out.strip().split("\n")
    return {f"telemetry={telemetry}", *names.split()}


def test_a_worker_knows_no_network_store_or_key():
    found = modules_after("import scoring.worker.process")

    for name in ("django", "celery", "redis", "boto3", "cryptography", "scoring.node", "onnx", "sklearn"):
        assert name not in found
    assert "onnxruntime" in found
    assert "telemetry=1" in found


def test_a_node_knows_no_runtime_and_starts_light():
    found = modules_after("import scoring.__main__")

    for name in ("django", "onnxruntime", "redis", "boto3", "cryptography"):
        assert name not in found


def test_who_has_decided_about_telemetry_is_not_overruled():
    assert "telemetry=0" in modules_after("import scoring.runtime", ORT_DISABLE_TELEMETRY="0")
