"""Execution providers: what a node is told to use, held against what onnxruntime has on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CPU = "CPUExecutionProvider"
_ROOT = Path(__file__).resolve().parents[2]
_ASK = "import scoring.runtime, onnxruntime; print(*onnxruntime.get_available_providers())"


class BadProvider(ValueError):
    """A provider that cannot be used here."""


def read(names: str, options: str) -> tuple[tuple[str, ...], dict[str, dict[str, Any]]]:
    """Providers in the order in which they are tried, the CPU last, and the options of each.

    names    separated by commas
    options  JSON: provider -> its options, as onnxruntime's documentation has them
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    providers = tuple(dict.fromkeys([*(name for name in wanted if name != CPU), CPU]))
    try:
        given = json.loads(options or "{}")
    except ValueError as error:
        raise BadProvider(f"--provider-options is not JSON: {error}") from None
    if not isinstance(given, dict) or not all(isinstance(each, dict) for each in given.values()):
        raise BadProvider('--provider-options is JSON such as {"CUDAExecutionProvider": {"device_id": 0}}')
    if strange := sorted(set(given) - set(providers)):
        raise BadProvider(f"--provider-options speaks of {strange[0]}, which --providers does not name")
    return providers, given


def check(providers: Sequence[str]) -> None:
    """Raises BadProvider unless onnxruntime offers all of them here.

    A process of its own is asked: onnxruntime would cost the node more memory than all the rest of it.
    """
    if tuple(providers) == (CPU,):
        return
    asked = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", _ASK], cwd=_ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    offered = asked.stdout.split()
    if missing := [name for name in providers if name not in offered]:
        raise BadProvider(
            f"onnxruntime has no {missing[0]} on this machine: it offers {', '.join(offered) or 'nothing'}"
        )
