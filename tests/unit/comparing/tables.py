"""Small tables as a proof leaves them behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from formats.tables import Table, Writer

LABELS = {"output": "label", "graded": False, "atol": 1e-6, "rtol": 1e-5}


def rows(path: Path, truth: Any, x: Any = None, digest: Any = None) -> Table:
    truth = np.asarray(truth)
    x = np.arange(len(truth), dtype=np.float32) if x is None else np.asarray(x)
    with Writer(path, len(truth), most=1 << 30) as table:
        table.even("input/x", [x])
        table.even("truth", [truth])
        table.even(
            "digest", [np.arange(len(truth), dtype="<u8") if digest is None else np.asarray(digest, "<u8")]
        )
    return Table(path)


def answers(path: Path, told: Any, truth: Any = None, **about: Any) -> Table:
    with Writer(path, len(told), most=1 << 30) as table:
        if isinstance(told, list) and isinstance(told[0], np.ndarray):
            table.uneven("answer", told)
        else:
            table.even("answer", [np.asarray(told)])
        if truth is not None:
            table.even("right", [np.asarray(told) == np.asarray(truth)])
        table.tell(LABELS | about)
    return Table(path)
