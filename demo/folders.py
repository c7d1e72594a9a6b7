"""A version as CI would have it on disk: a folder with `model.yaml` and the files it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from demo.lab import Data, Trained, digest

BUILT_AT = "2026-11-20T10:00:00Z"
PROVEN_ROWS = 40
"""Enough to show what an end-to-end set is, few enough to be read in its file."""

SCORE = '''\
"""Score rows from a JSON file with this version: python score.py rows.json"""

import json
import sys

import numpy as np
import onnxruntime


def predict(rows):
    """rows: list of {width} numbers each -> the label of each row."""
    values = np.asarray(rows, dtype=np.float32)
    for graph in {graphs}:
        session = onnxruntime.InferenceSession(graph)
        answers = session.run(None, {{session.get_inputs()[0].name: values}})
        values = answers[0]
    return values.tolist()


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(json.dumps(predict(json.load(file))))
'''

CARD = """\
# {title}

**Intended use.** {use}

**Limits.** {limits}

## Data

{about} The rows are split once, with a fixed seed: {train} for training, {tune} for tuning,
{judge} for the confidence set, which training never sees.

## How it was made

| | |
|---|---|
| algorithm | {algorithm} |
| library | scikit-learn {library} |
| accuracy on the tuning rows | {claimed} |

## Ethics

{ethics}
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """What all versions of one model share: the words about it and its single input."""

    model: str
    title: str
    input_name: str
    input_facts: Mapping[str, object]
    label: str
    probabilities: str
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Promise:
    """What a version's manifest declares: its metric and range, its strategy, its tags."""

    metric: str
    output: str
    low: float
    high: float = 1.0
    margin: float = 0.01
    spoiled_row: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def write(folder: Path, subject: Subject, data: Data, trained: Trained, promise: Promise) -> Path:
    """Write the folder of one version and return it.

    `promise.spoiled_row` puts a wrong answer into that row of the end-to-end set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(trained.model)
    if trained.extractor is not None:
        (folder / "extractor.onnx").write_bytes(trained.extractor)
    _write_sets(folder, subject.input_name, data, trained, promise.spoiled_row)
    (folder / "requirements.txt").write_text(_requirements())
    (folder / "score.py").write_text(_score(data, trained))
    (folder / "CARD.md").write_text(_card(subject, data, trained))
    document = _manifest(subject, data, trained, promise)
    (folder / "model.yaml").write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    return folder


def _write_sets(folder: Path, name: str, data: Data, trained: Trained, spoiled: int | None) -> None:
    rows, targets = data.judge
    labels = trained.labels[:PROVEN_ROWS].copy()
    if spoiled is not None:
        labels[spoiled] = (labels[spoiled] + 1) % (int(targets.max()) + 1)
    end_to_end: dict[str, Any] = {
        f"inputs/{name}": rows[:PROVEN_ROWS],
        "expected/label": labels,
        "expected/probabilities": trained.probabilities[:PROVEN_ROWS],
        "atol": np.float64(1e-5),
        "rtol": np.float64(1e-4),
    }
    confidence: dict[str, Any] = {f"inputs/{name}": rows, "target": targets}
    np.savez(folder / "end_to_end.npz", allow_pickle=False, **end_to_end)
    np.savez(folder / "confidence.npz", allow_pickle=False, **confidence)


def _requirements() -> str:
    return "".join(f"{name}=={version(name)}\n" for name in ("numpy", "scikit-learn", "skl2onnx"))


def _score(data: Data, trained: Trained) -> str:
    graphs = ["model.onnx"] if trained.extractor is None else ["extractor.onnx", "model.onnx"]
    return SCORE.format(width=len(data.features), graphs=graphs)


def _card(subject: Subject, data: Data, trained: Trained) -> str:
    return CARD.format(
        title=subject.title,
        **subject.words,
        train=len(data.train[1]),
        tune=len(data.tune[1]),
        judge=len(data.judge[1]),
        algorithm=trained.algorithm,
        library=version("scikit-learn"),
        claimed=trained.claimed["accuracy"],
    )


def _manifest(subject: Subject, data: Data, trained: Trained, promise: Promise) -> dict[str, object]:
    files = {"model": "model.onnx"}
    if trained.extractor is not None:
        files["extractor"] = "extractor.onnx"
    files |= {"end_to_end": "end_to_end.npz", "confidence": "confidence.npz"}
    files |= {"requirements": "requirements.txt", "scoring_code": "score.py", "card": "CARD.md"}
    return {
        "model": subject.model,
        "files": files,
        "training": {
            "library": "scikit-learn",
            "library_version": version("scikit-learn"),
            "algorithm": trained.algorithm,
            "hyperparameters": dict(trained.hyperparameters),
        },
        "data": {"training": _reference(data, "train"), "validation": _reference(data, "tune")},
        "metric": {
            "name": promise.metric,
            "output": promise.output,
            "range": [promise.low, promise.high],
            "margin": promise.margin,
            "claimed": trained.claimed[promise.metric],
        },
        "signature": {
            "inputs": {subject.input_name: {**subject.input_facts, "features": list(data.features)}},
            "outputs": {
                "label": {"description": subject.label, "consume": "the answer, as it is"},
                "probabilities": {"description": subject.probabilities},
            },
        },
        "built": {
            "by": "ci@example.org",
            "at": BUILT_AT,
            "repository": f"https://git.example.org/models/{subject.model}",
            "commit": digest(data.train)[:12],
            "run": f"{subject.model}/{trained.algorithm}".replace(" ", ""),
        },
        "tags": dict(promise.tags),
    }


def _reference(data: Data, part: str) -> dict[str, object]:
    rows = data.train if part == "train" else data.tune
    return {
        "version": f"scikit-learn-{version('scikit-learn')}",
        "uri": f"sklearn://datasets/{data.name}/{part}",
        "sha256": digest(rows),
        "rows": len(rows[1]),
    }
