from __future__ import annotations

import textwrap

import pytest

from registry.sandbox import Limits, run
from registry.sandbox.limits import MIB

QUICK = Limits(
    memory_bytes=256 * MIB,
    cpu_seconds=20,
    wall_seconds=20,
    processes=20,
    open_files=64,
    file_bytes=8 * MIB,
    output_bytes=100_000,
)


@pytest.fixture
def quick():
    return QUICK


@pytest.fixture
def inside():
    """Run a Python program in a cell."""

    def play(program, limits=QUICK, **named):
        return run(["-c", textwrap.dedent(program)], limits=limits, **named)

    return play
