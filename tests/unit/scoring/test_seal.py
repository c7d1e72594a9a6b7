"""A sealed process starts no other program, whoever asks in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scoring import seal

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine not in seal.AUDIT, reason="no filter is known here"
)


def played(program):
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return done.stdout.split()


def test_no_program_starts_after_the_seal_neither_here_nor_in_children_and_threads():
    program = """
import subprocess, sys, threading
from scoring import seal
def tried():
    try:
        print(subprocess.run([sys.executable, "-c", ""]).returncode)
    except OSError as error:
        print(error.errno)
go = threading.Event()
older = threading.Thread(target=lambda: (go.wait(), tried()))
older.start()
tried()
assert seal.seal() == ""
tried()
go.set()
older.join()
"""
    assert played(program) == ["0", "1", "1"]


def test_what_a_scoring_worker_imports_still_imports_after_the_seal():
    program = "from scoring import seal; assert not seal.seal(); import scoring.worker.process; print('here')"

    assert played(program) == ["here"]


def test_a_machine_that_is_not_known_is_left_without_and_says_so(monkeypatch):
    monkeypatch.setattr(seal, "AUDIT", {})

    assert "no filter of system calls is known" in seal.seal()
