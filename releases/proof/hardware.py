"""The machine that measures."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path


def hardware() -> dict[str, object]:
    """The fingerprint of the machine that measures: figures of two machines are never compared."""
    return {
        "profile": f"{platform.machine()}-{os.cpu_count()}cpu",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "threads": {"intra_op": 1, "inter_op": 1},
    }


def _processor() -> str:
    try:
        lines: Sequence[str] = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())
