"""A machine without bubblewrap: refuse, unless somebody said loudly that it may be."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from registry.sandbox import Ending, Mount, NoSandbox, command, level, run


@pytest.fixture
def bare_machine(monkeypatch):
    monkeypatch.setattr(command, "bubblewrap", lambda: None)
    monkeypatch.setattr(sys.modules["registry.sandbox.level"], "_found", [])


def test_nothing_runs_without_isolation(bare_machine, tmp_path):
    assert not level().isolated

    with pytest.raises(NoSandbox, match="apt-get install bubblewrap"):
        run(["-c", "open('ran', 'w')"])


def test_a_loud_setting_runs_it_under_limits_alone(bare_machine, tmp_path, quick):
    (tmp_path / "lent").write_text("lent")
    program = "import sys; print(open('/run/assay/lent').read(), sys.stdin.read())"

    finished = run(
        ["-c", program],
        stdin=b"/run/assay/lent",
        mounts=[Mount(tmp_path / "lent", "/run/assay/lent")],
        limits=quick,
        allow_unisolated=True,
    )

    assert finished.stdout.decode() == f"lent {tmp_path / 'lent'}\n", finished.stderr


@pytest.mark.parametrize(
    ("program", "wall_seconds", "ending"),
    [
        ("while True: pass", 60, Ending.SIGNALLED),
        ("import time; time.sleep(60)", 1, Ending.WALL_CLOCK),
        ("import os, time\nif os.fork() == 0: time.sleep(60)", 50, Ending.EXITED),
        ("import os, time\nfor _ in range(6): os.fork()\ntime.sleep(60)", 50, Ending.PROCESSES),
    ],
)
def test_it_still_ends(bare_machine, quick, program, wall_seconds, ending):
    limits = replace(quick, cpu_seconds=1, wall_seconds=wall_seconds)

    finished = run(["-c", program], limits=limits, allow_unisolated=True)

    assert finished.ending is ending
    assert finished.wall_seconds < 40


@pytest.mark.isolated
def test_a_recipe_that_fails_is_our_trouble_and_not_the_programs(monkeypatch):
    assert level().isolated
    good = command.bubblewrap_arguments

    monkeypatch.setattr(
        command, "bubblewrap_arguments", lambda *a: [*good(*a), "--ro-bind", "/nowhere", "/x"]
    )

    with pytest.raises(NoSandbox, match="nowhere"):
        run(["-c", "pass"])


@pytest.mark.isolated
def test_bad_news_is_asked_again(monkeypatch):
    monkeypatch.setattr(sys.modules["registry.sandbox.level"], "_found", [])
    with monkeypatch.context() as hidden:
        hidden.setattr(command, "bubblewrap", lambda: None)
        assert not level().isolated

    assert level().isolated
