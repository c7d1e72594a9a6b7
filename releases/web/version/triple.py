"""The parts that a version locks together, and whether what is live has the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from formats.weights import is_weights
from releases.web.version.lineage import Part

if TYPE_CHECKING:
    from registry.models import ModelVersion


def triple(
    version: ModelVersion, lineage: Mapping[str, Any], files: Mapping[str, Any], live: Mapping[str, str]
) -> list[Part]:
    """Data, extractor, model: the parts that share the version's number, and what they become."""
    data, extractor = lineage["datasets"].get("training"), lineage["extractor"]
    artifact = extractor.artifact_id if extractor else None
    model_file = files.get("model")
    model_digest = model_file.artifact.digest if model_file else ""
    n = version.number

    def same(key: str, digest: str | None) -> bool | None:
        return None if not live else live.get(key, "") == (digest or "")

    rows = f"{data.rows:,} rows" if data and data.rows else "rows not stated"
    return [
        Part(
            "data",
            f"Training data {n}",
            f"{data.label}, {rows}" if data else "not stated",
            data.sha256 if data else "",
            same("data", data.sha256 if data else ""),
        ),
        Part(
            "extractor",
            f"Extractor {n}",
            "an ONNX graph" if artifact else "the identity",
            artifact or "",
            same("extractor", artifact),
        ),
        Part(
            "model",
            f"Model {n}",
            str(version.manifest.get("training", {}).get("algorithm", "an ONNX graph")),
            model_digest,
            same("model", model_bytes({key: file.artifact.digest for key, file in files.items()})),
        ),
    ]


def digests(version: ModelVersion | None) -> dict[str, str]:
    if version is None:
        return {}
    files = {f.key: f.artifact_id for f in version.files.all()}
    data = version.manifest.get("data", {}).get("training", {})
    return {
        "data": data.get("sha256", ""),
        "extractor": files.get("extractor", ""),
        "model": model_bytes(files),
    }


def model_bytes(digests: Mapping[str, str]) -> str:
    """What the model consists of: the same only where its graph and all files of weights are."""
    return " ".join(f"{key}:{digests[key]}" for key in sorted(digests) if key == "model" or is_weights(key))
