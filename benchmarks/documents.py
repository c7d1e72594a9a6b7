"""What the rows of the benchmark's registry say of themselves: manifests, signatures, evidence, plans."""

from __future__ import annotations

import hashlib
from typing import Any

SIGNATURE = {
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 10], "features": [f"f{n}" for n in range(10)],
                "optional": False}],
    "outputs": [{"name": "label", "datatype": "INT64", "shape": [-1], "features": [], "optional": False},
                {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2], "features": [],
                 "optional": False}],
}  # fmt: skip


def hexed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def manifest(number: int) -> dict[str, Any]:
    return {
        "model": "fraud-0000",
        "files": {key: f"{key}.bin" for key in ("model", "extractor", "end_to_end", "confidence", "card")},
        "training": {
            "library": "scikit-learn", "library_version": "1.9.1", "algorithm": "HistGradientBoosting",
            "hyperparameters": {"learning_rate": 0.01 * number, "max_depth": 7, "max_iter": 200},
        },
        "data": {
            purpose: {"version": f"2026-{number:04}", "uri": f"s3://lake/fraud/{purpose}", "rows": 14370}
            for purpose in ("training", "validation")
        },
        "metric": {"name": "accuracy", "output": "label", "range": [0.93, 1.0], "claimed": 0.966},
        "signature": {"inputs": {"x": {"description": "ten standardised features", "range": [-9, 9]}}},
        "built": {"by": "ci@example.org", "commit": hexed(str(number))[:12], "run": str(number)},
    }  # fmt: skip


CHECKED: dict[str, Any] = {"checked": ["card", "model"], "findings": []}
EVIDENCE: dict[str, dict[str, Any]] = {
    "confidence": {
        "metric": "accuracy", "value": 0.972, "lower": 0.951, "upper": 0.983, "range": [0.93, 1.0],
        "rows": 360, "units": 360, "method": "clopper_pearson",
        "slices": [{"name": "digit", "label": str(n), "rows": 35, "value": 0.94, "lower": 0.83, "upper": 0.99,
                    "outside": False} for n in range(6)],
        "comparison": {"decision": "not_worse", "difference": 0.006, "lower": -0.004, "upper": 0.016},
    },
    "benchmark": {
        "p50_ms": {"value": 0.31, "low": 0.308, "high": 0.314},
        "p90_ms": {"value": 0.42, "low": 0.41, "high": 0.44},
        "p99_ms": {"value": 0.74, "low": 0.69, "high": 0.91},
        "samples_per_second": 2904.0, "peak_memory_bytes": 63_963_136, "profile": "x86_64-2",
    },
}  # fmt: skip


def entry(number: int, digest: str) -> dict[str, Any]:
    planned = {"number": number, "digest": digest, "signature": SIGNATURE}
    return {
        "revision": 1,
        "arms": [{"version": number, "weight": 2**53, "reason": "champion"}],
        "versions": {str(number): planned},
    }
