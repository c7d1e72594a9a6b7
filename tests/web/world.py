"""A small registry that looks like a real one: four versions of a model, each at another point of its way."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from registry.models import (
    Alias,
    Artifact,
    ConfidenceSet,
    DatasetVersion,
    EndToEndSet,
    ExtractorVersion,
    ModelVersion,
    Person,
    RegisteredModel,
    Role,
    Tag,
    VersionFile,
    VersionUploader,
)
from registry.stores import artifact_store
from registry.transactions import write
from releases.lifecycle import Action, State
from releases.models import Release
from releases.services import gating, opening, reviews
from releases.services.transitions import advance
from tests import makers

PIXELS = [f"p{row}{column}" for row in range(8) for column in range(8)]
SIGNATURE = {
    "inputs": [
        {"name": "pixels", "datatype": "FP32", "shape": [-1, 64], "features": PIXELS, "optional": False}
    ],
    "outputs": [
        {"name": "label", "datatype": "INT64", "shape": [-1], "features": [], "optional": False},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10], "features": [], "optional": False},
    ],
}
ANSWERS = b'{"atol": 1e-6, "rtol": 1e-5}\n'
CARD = """---
license: mit
---
# Handwritten digits

**Intended use.** Reading single digits on forms that a person checks afterwards.

**Limits.** Digits of 8 by 8 grey levels; nothing else.

| slice | accuracy |
|---|---|
| ones | 0.99 |
| eights | 0.94 |
"""


@dataclass(frozen=True, slots=True)
class World:
    """The people by their log-in, the model, and its releases from the first to the newest."""

    people: dict[str, Person]
    model: RegisteredModel
    live: Release
    review: Release
    rejected: Release
    validating: Release


def build() -> World:
    """Digits: version 1 superseded by 2, which is live; 3 in review, 4 rejected, 5 being proven."""
    people = cast()
    model = makers.model(
        "digits",
        people["amina"],
        description="Reads one handwritten digit.",
        task="classification",
        policy={"benchmark": {"any": {"p99_ms": 2.0}}},
    )
    Tag.objects.create(model=model, key="team", value="vision")
    makers.environment()
    first = approved(version(model, people, 1), people, 0.957, 0.944)
    roll_out(first, None, people["chloe"])
    live = approved(version(model, people, 2), people, 0.972, 0.951)
    roll_out(live, first, people["chloe"])
    review = in_review(version(model, people, 3), people, 0.978, 0.959)
    sign(review, "technical", people["boris"])
    rejected = failed(version(model, people, 4), people)
    validating = running(version(model, people, 5), people)
    return World(people, model, live, review, rejected, validating)


def cast() -> dict[str, Person]:
    """The people of the demonstration."""
    roles = {
        "amina": (Role.CONTRIBUTOR,),
        "boris": (Role.TECHNICAL,),
        "chloe": (Role.RELEASE_MANAGER, Role.PRIVACY),
        "dev": (Role.SECURITY,),
        "edda": (Role.APPROVER,),
        "dara": (Role.AUDITOR,),
        "vera": (Role.VIEWER,),
    }
    people = {name: makers.person(name, *held) for name, held in roles.items()}
    people["admin"] = makers.person("admin", admin=True)
    people["nobody"] = makers.person("nobody")
    return people


def version(model: RegisteredModel, people: dict[str, Person], number: int, card: str = CARD) -> ModelVersion:
    """A version whose files are in the store."""
    return version_with(model, people, number, None, card)


def version_with(
    model: RegisteredModel,
    people: dict[str, Person],
    number: int,
    told: dict[str, Any] | None,
    card: str = CARD,
    signature: dict[str, Any] | None = None,
    confidence: bytes = b"rows" * 900,
) -> ModelVersion:
    """The same with a manifest and a signature of one's own."""
    files = {
        "model": ("model.onnx", b"\x08\x07" + bytes([number]) * 2000),
        "extractor": ("extractor.onnx", b"\x08\x07 the same scaler" * 9),
        "end_to_end": ("end_to_end.npz", bytes([number]) * 90),
        "confidence": ("confidence.npz", confidence),
        "requirements": ("requirements.txt", b"numpy==2.4.1\nscikit-learn==1.9.1\n"),
        "scoring_code": ("score.py", b'print("shown, never run")\n'),
        "card": ("CARD.md", card.encode()),
    }
    made = ModelVersion.objects.create(
        model=model,
        number=number,
        digest=hashlib.sha256(f"{model.name} {number}".encode()).hexdigest(),
        manifest=told or manifest(model.name, number, {key: name for key, (name, _) in files.items()}),
        signature=signature or SIGNATURE,
        inspection={"opset": 21},
        size=sum(len(content) for _, content in files.values()),
        uploaded_by=people["amina"],
        built_by="ci@example.org",
        built_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
    )
    stored = {key: _store(content) for key, (_, content) in files.items()}
    _store(ANSWERS)
    for key, (name, _) in files.items():
        VersionFile.objects.create(version=made, key=key, name=name, artifact=stored[key])
    ExtractorVersion.objects.create(model=model, number=number, artifact=stored["extractor"])
    for purpose, rows in (("training", 1437), ("validation", 180)):
        DatasetVersion.objects.create(
            model=model, number=number, purpose=purpose, label=f"2026-{6 + number:02}", rows=rows,
            uri=f"s3://lake/digits/{purpose}",
            sha256=hashlib.sha256(f"{purpose} {number}".encode()).hexdigest(),
        )  # fmt: skip
    EndToEndSet.objects.create(version=made, artifact=stored["end_to_end"], rows=40, kind="samples")
    ConfidenceSet.objects.create(
        version=made, artifact=stored["confidence"], rows=360, kind="samples", metric="accuracy",
        low=0.93, high=1.0, claimed=0.966,
    )  # fmt: skip
    VersionUploader.objects.create(version=made, person=people["amina"])
    Alias.objects.update_or_create(model=model, name="newest", defaults={"version": made})
    return made


def manifest(name: str, number: int, files: dict[str, str]) -> dict[str, Any]:
    """What CI declared about the version."""
    return {
        "model": name,
        "files": files,
        "training": {
            "library": "scikit-learn",
            "library_version": "1.9.1",
            "algorithm": "MLPClassifier" if number > 2 else "LogisticRegression",
            "hyperparameters": {"alpha": 0.0001 * number, "hidden_layer_sizes": [64, 32][:number]},
            "latency_ms": 0.2,
        },
        "data": {
            "training": {"version": f"2026-{6 + number:02}", "uri": "s3://lake/digits/train", "rows": 1437},
            "validation": {"version": f"2026-{6 + number:02}", "uri": "s3://lake/digits/val", "rows": 180},
        },
        "metric": {"name": "accuracy", "output": "label", "range": [0.93, 1.0], "claimed": 0.966},
        "signature": {
            "inputs": {"pixels": {"description": "8x8 grey image", "unit": "0-16", "range": [0, 16]}},
            "outputs": {"label": {"description": "the digit", "consume": "argmax already taken"}},
        },
        "built": {
            "by": "ci@example.org",
            "at": "2026-11-20T10:00:00Z",
            "commit": "3f9c2b1e77d0",
            "run": "1742",
        },
    }


def evidence(estimate: float, bound: float) -> dict[str, tuple[str, dict[str, Any]]]:
    """What the gates say of a version that passes."""
    return {
        "integrity": (
            "7 files are what they were declared to be, and the model loads.",
            {
                "checked": ["card", "model"],
                "findings": [],
                "operators": [["", "Gemm"], ["", "Relu"]],
                "opset": 21,
            },
        ),
        "schema": (
            "The signature is that of version 2.",
            {"compatibility": "identical", "champion": 2, "differences": [], "intended_break": ""},
        ),
        "end_to_end": (
            "All 40 rows came back right, alone or in a batch.",
            {
                "rows": 40,
                "wrong": 0,
                "failures": [],
                "batchable": True,
                "atol": 1e-6,
                "rtol": 1e-5,
                "answers": {"sha256": hashlib.sha256(ANSWERS).hexdigest(), "size": len(ANSWERS)},
            },
        ),
        "confidence": (
            f"Accuracy {estimate} on 360 rows, 95 % sure it is between {bound} and {estimate + 0.011:.4g}.",
            {
                "metric": "accuracy",
                "value": estimate,
                "lower": bound,
                "upper": estimate + 0.011,
                "range": [0.93, 1.0],
                "rows": 360,
                "units": 360,
                "method": "clopper_pearson",
                "sampled": 64,
                "differing": 0,
                "slices": [
                    {"name": "digit", "label": "8", "rows": 35, "value": 0.94, "lower": 0.83, "upper": 0.99}
                    | {"outside": False}
                ],
                "comparison": {
                    "decision": "not_worse",
                    "difference": 0.006,
                    "lower": -0.004,
                    "upper": 0.016,
                    "margin": 0.01,
                    "method": "mcnemar_exact",
                    "only_ours": 5,
                    "only_theirs": 3,
                },
            },
        ),
        "benchmark": (
            "p50 0.31 ms, p99 0.74 ms, 2,904 samples per second, peak memory 61 MiB.",
            {
                "p50_ms": {"value": 0.31, "low": 0.308, "high": 0.314},
                "p90_ms": {"value": 0.42, "low": 0.41, "high": 0.44},
                "p99_ms": {"value": 0.74, "low": 0.69, "high": 0.91},
                "samples_per_second": 2904.0,
                "peak_memory_bytes": 63_963_136,
                "load_ms": 41.2,
                "size_bytes": 48_211,
                "profile": "x86_64-2",
                "hardware": {"profile": "x86_64-2", "cpu": "a processor of 2 cores", "onnxruntime": "1.31.1"},
                "limits": {"p99_ms": 2.0},
                "queries": 4000,
                "champion": {
                    "p50_ms": {"value": 0.29, "low": None, "high": None},
                    "p90_ms": {"value": 0.4, "low": None, "high": None},
                    "p99_ms": {"value": 0.69, "low": None, "high": None},
                    "ratio": {"value": 1.07, "low": 1.05, "high": 1.09},
                    "noise": 0.014,
                },
            },
        ),
    }


def in_review(of: ModelVersion, people: dict[str, Person], estimate: float, bound: float) -> Release:
    """A release whose gates have all passed."""
    release = opening.open_release(
        of, environment="production", strategy={"kind": "single"}, by=people["amina"]
    )
    for run in release.gate_runs.all():
        finish(run, "passed", *evidence(estimate, bound)[run.gate])
    conclude(release)
    return release


def conclude(release: Release) -> None:
    """Let the gates' verdicts decide."""
    gating.conclude(release)
    release.refresh_from_db()


def sign(release: Release, slot: str, by: Person, verdict: str = "approve", words: str = "") -> None:
    words = words or f"The {slot} side: looked at the evidence, and it holds."
    reviews.give_review(release, slot=slot, verdict=verdict, grounds=words, by=by)
    release.refresh_from_db()


def approved(of: ModelVersion, people: dict[str, Person], estimate: float, bound: float) -> Release:
    release = in_review(of, people, estimate, bound)
    for slot, name in (
        ("technical", "boris"),
        ("privacy", "chloe"),
        ("security", "dev"),
        ("approval", "edda"),
    ):
        sign(release, slot, people[name])
    return release


def roll_out(release: Release, previous: Release | None, by: Person) -> None:
    """As a switch leaves it when all went well, without nodes."""
    with write():
        rollout = makers.rollout(
            release, previous, prepared=1, nodes={"node-1": "ready"}, committed=2, verified_rows=240,
            verified_in_s=0.41, opened=3,
        )  # fmt: skip
        advance(release, Action.START_ROLLOUT, actor=by.actor)
        if previous is not None:
            advance(previous, Action.SUPERSEDE, actor="system/rollouts", by=release.version.number)
        advance(release, Action.PROMOTE, actor="system/rollouts", rollout=rollout.pk)
    release.refresh_from_db()


def failed(of: ModelVersion, people: dict[str, Person]) -> Release:
    """A release that its end-to-end set has stopped."""
    release = opening.open_release(
        of, environment="production", strategy={"kind": "single"}, by=people["amina"]
    )
    told = evidence(0.91, 0.884)
    wrong = {"row": 7, "output": "label", "problem": "8 is not 3", "at": 0, "expected": [3], "got": [8]}
    words = "1 of 40 rows came back wrong, the first is row 7."
    told["end_to_end"] = (words, {"rows": 40, "wrong": 1, "failures": [wrong], "batchable": True})
    for run in release.gate_runs.all():
        finish(run, "failed" if run.gate in {"end_to_end", "confidence"} else "passed", *told[run.gate])
    conclude(release)
    return release


def running(of: ModelVersion, people: dict[str, Person]) -> Release:
    """A release whose third gate runs now."""
    release = opening.open_release(
        of, environment="production", strategy={"kind": "single"}, by=people["amina"]
    )
    told = evidence(0.9, 0.9)
    for run in release.gate_runs.filter(gate__in=["integrity", "schema"]):
        finish(run, "passed", *told[run.gate])
    release.gate_runs.filter(gate="end_to_end").update(started_at=datetime.now(UTC))
    return release


def errored(release: Release) -> None:
    """The gates that have no verdict yet ended in an error of ours."""
    for run in release.gate_runs.filter(outcome="pending"):
        finish(run, "errored", "This gate could not be run: no sandbox on this machine", {})
    assert release.state == State.VALIDATING


def finish(run: Any, outcome: str, summary: str, found: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    run.outcome, run.summary, run.evidence, run.started_at, run.finished_at = (
        outcome,
        summary,
        found,
        now,
        now,
    )
    run.save()


def _store(content: bytes) -> Artifact:
    store, digest = artifact_store(), hashlib.sha256(content).hexdigest()
    if not store.exists(digest):
        store.put(io.BytesIO(content))
    return Artifact.objects.get_or_create(digest=digest, defaults={"size": len(content)})[0]
