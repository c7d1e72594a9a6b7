"""The manifest of a model version: what CI says about it, read strictly from YAML or JSON."""

from __future__ import annotations

from registry.manifest.document import Manifest, canonical, identity, parse
from registry.manifest.errors import BadManifest, Problem
from registry.manifest.facts import (
    FILE_KEYS,
    REQUIRED_FILES,
    Built,
    DataReference,
    DataReferences,
    DeclaredBytes,
    FileFact,
    MetricRange,
    ReleaseWish,
    SignatureFacts,
    TensorFacts,
    Training,
    is_file_key,
)
from registry.manifest.metrics import METRICS, NAMES, Kind, Metric, Reading
from registry.manifest.reading import MAX_BYTES

__all__ = [
    "FILE_KEYS",
    "MAX_BYTES",
    "METRICS",
    "NAMES",
    "REQUIRED_FILES",
    "BadManifest",
    "Built",
    "DataReference",
    "DataReferences",
    "DeclaredBytes",
    "FileFact",
    "Kind",
    "Manifest",
    "Metric",
    "MetricRange",
    "Problem",
    "Reading",
    "ReleaseWish",
    "SignatureFacts",
    "TensorFacts",
    "Training",
    "canonical",
    "identity",
    "is_file_key",
    "parse",
]
