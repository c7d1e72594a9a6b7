"""One complete manifest, and copies of it with single values changed."""

from __future__ import annotations

import copy
import json
from typing import Any

YAML = b"""\
model: digits
files:
  model: model.onnx
  extractor: extractor.onnx
  end_to_end: end_to_end.npz
  confidence: confidence.npz
  requirements: requirements.txt
  scoring_code: score.py
  card: CARD.md
training:
  library: scikit-learn
  library_version: 1.9.1
  algorithm: LogisticRegression
  hyperparameters: {C: 1.0, penalty: null, solvers: [lbfgs, saga]}
data:
  training: {version: "2026-11", uri: s3://lake/digits/2026-11, sha256: "%(a)s", rows: 1437}
  validation: {version: "2026-11", uri: s3://lake/digits/2026-11-val}
metric: {name: accuracy, output: label, range: [0.93, 1.0], margin: 0.01, claimed: 0.966}
signature:
  inputs:
    pixels: {description: 8x8 grey image, unit: "0-16", features: [p00, p01], range: [0, 16]}
  outputs:
    label: {description: digit, consume: argmax already taken}
    probabilities: {description: per class}
built:
  by: ci@example.org
  at: 2026-11-20T10:00:00Z
  repository: https://git.example.org/vision/digits
  commit: 4f2c9d1
  run: "118"
release: {environment: production, strategy: {kind: canary}}
tags: {team: vision, year: 2026}
""" % {b"a": b"ab" * 32}

TREE: dict[str, Any] = {
    "model": "digits",
    "files": {
        "model": "model.onnx",
        "extractor": "extractor.onnx",
        "end_to_end": "end_to_end.npz",
        "confidence": "confidence.npz",
        "requirements": "requirements.txt",
        "scoring_code": "score.py",
        "card": "CARD.md",
    },
    "training": {
        "library": "scikit-learn",
        "library_version": "1.9.1",
        "algorithm": "LogisticRegression",
        "hyperparameters": {"C": 1, "penalty": None, "solvers": ["lbfgs", "saga"]},
    },
    "data": {
        "training": {
            "version": "2026-11",
            "uri": "s3://lake/digits/2026-11",
            "sha256": "ab" * 32,
            "rows": 1437,
        },
        "validation": {"version": "2026-11", "uri": "s3://lake/digits/2026-11-val"},
    },
    "metric": {"name": "accuracy", "output": "label", "range": [0.93, 1], "margin": 0.01, "claimed": 0.966},
    "signature": {
        "inputs": {
            "pixels": {
                "description": "8x8 grey image",
                "unit": "0-16",
                "features": ["p00", "p01"],
                "range": [0, 16],
                "sensitive": False,
            }
        },
        "outputs": {
            "label": {"description": "digit", "consume": "argmax already taken"},
            "probabilities": {"description": "per class"},
        },
    },
    "built": {
        "by": "ci@example.org",
        "at": "2026-11-20T11:00:00+01:00",
        "repository": "https://git.example.org/vision/digits",
        "commit": "4f2c9d1",
        "run": "118",
    },
    "release": {"environment": "production", "strategy": {"kind": "canary"}},
    "tags": {"team": "vision", "year": "2026"},
}

ABSENT = object()


def changed(**values: Any) -> bytes:
    """The manifest as JSON with values set by dotted path (`metric__range`), or left out by ABSENT."""
    tree = copy.deepcopy(TREE)
    for path, value in values.items():
        *parents, last = path.split("__")
        place = tree
        for key in parents:
            place = place[key]
        if value is ABSENT:
            del place[last]
        else:
            place[last] = value
    return json.dumps(tree).encode()
