"""The self-test: it finds nothing in a good cell, and everything where there is no cell at all."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from registry.sandbox import calls, command, level, parts
from registry.sandbox.breakout import ATTEMPTS
from registry.sandbox.limits import Mount

found = sys.modules["registry.sandbox.level"]


@pytest.fixture
def again(monkeypatch):
    """Ask for the level as a process that has just started."""
    monkeypatch.setattr(found, "_found", [])
    return level


@pytest.mark.isolated
def test_a_good_cell_lets_nothing_out_and_says_how_much_was_tried(again):
    assert found._tried() == []
    assert again().isolated
    assert f"{len(ATTEMPTS)} ways out were tried" in again().sentence


def test_without_a_cell_the_same_program_gets_out(tmp_path):
    (tmp_path / "secret").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as port:
        target = {
            "secret": str(tmp_path / "secret"),
            "folder": str(tmp_path),
            "pid": os.getpid(),
            "name": "x",
        }
        done = subprocess.run(
            [sys.executable, "-m", "registry.sandbox.breakout"],
            input=json.dumps({**target, "port": port.getsockname()[1]}).encode(),
            env={"PYTHONPATH": str(command.ROOT), "ASSAY_SECRET_KEY": "x"},
            capture_output=True,
            check=True,
        )

    got = set(json.loads(done.stdout))
    # as an ordinary user in a container, the kernel may hold these back by itself
    assert set(ATTEMPTS) - got <= {"find a shell", "use privileges", "take more memory than it is given"}


@pytest.mark.isolated
@pytest.mark.parametrize(
    ("leak", "mount"),
    [("find a shell", "/bin/sh"), ("read a file outside", "/etc/passwd")],
)
def test_a_leak_is_named_and_nothing_runs_there(again, monkeypatch, leak, mount):
    whole = parts.parts()
    monkeypatch.setattr(parts, "parts", lambda: (*whole, Mount(Path(mount).resolve(), mount)))

    assert not again().isolated
    assert again().name == "leaking"
    assert leak in again().sentence


@pytest.mark.isolated
def test_a_machine_whose_calls_cannot_be_filtered_says_so(again, monkeypatch):
    monkeypatch.setattr(calls, "program", lambda: b"")
    monkeypatch.setattr(found, "_tried", lambda: ["start another program"])

    assert again().isolated
    assert "no system calls are filtered" in again().sentence


@pytest.mark.isolated
def test_a_cell_that_can_start_a_program_is_a_leak_where_it_could_be_kept(again, monkeypatch):
    monkeypatch.setattr(found, "_tried", lambda: ["start another program"])

    assert not again().isolated
