from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from formats.sets import SetLimits
from registry.inspection.policy import Policy
from registry.inspection.steps import Order, inspect
from tests.unit.inspection import graphs

MANIFEST = {"metric": {"name": "rmse", "output": "y", "range": [0, 1]}}


@pytest.fixture
def version(tmp_path):
    """Write a version's files: bytes, or arrays for a set. Left out: a linear model with fitting sets."""

    def write(**content) -> dict[str, Path]:
        x = np.arange(6, dtype=np.float32).reshape(3, 2)
        given = {
            "model": graphs.linear(),
            "end_to_end": {"inputs/x": x, "expected/y": x @ np.float32([[1], [2]])},
            "confidence": {"inputs/x": x, "target": np.arange(3.0)},
        } | content
        files = {}
        for key, value in given.items():
            if value is None:
                continue
            files[key] = tmp_path / key
            if isinstance(value, bytes):
                files[key].write_bytes(value)
            else:
                with files[key].open("wb") as stream:
                    np.savez(stream, **value)
        return files

    return write


@pytest.fixture
def examined():
    """Inspect files in this very process: for graphs that do no harm."""

    def examine(files, manifest=MANIFEST, policy=None, sets=None):
        order = Order(files, manifest, policy or Policy(), sets or SetLimits())
        return list(inspect(order))[-1]

    return examine
