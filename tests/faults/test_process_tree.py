"""The supervisor, against real processes that live, die and refuse to die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from config.local import keeper
from config.local import supervisor as tending
from config.local.childlog import LIMIT_BYTES, ChildLog
from config.local.supervisor import Child, Supervisor, TreeStopped
from config.serving import probes
from tests.disks import small_disk
from tests.servers import wait_until

FOREVER = "import signal, time\nprint('up', flush=True)\nwhile True: time.sleep(60)"
WITH_GRANDCHILD = (
    "import subprocess, sys, time\n"
    "one = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('grandchild', one.pid, flush=True)\ntime.sleep(600)"
)
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOREVER


def python(name: str, code: str, **more: object) -> Child:
    return Child(name, [sys.executable, "-c", code], dict(os.environ), **more)  # type: ignore[arg-type]


@contextmanager
def tree(tmp_path: Path, *children: Child) -> Iterator[tuple[Supervisor, list[str]]]:
    said: list[str] = []
    supervisor = Supervisor(children, folder=tmp_path, say=said.append)
    try:
        yield supervisor, said
    finally:
        supervisor.close()


def step_until(supervisor: Supervisor, true: Callable[[], bool]) -> None:
    def stepped() -> bool:
        supervisor.step()
        return true()

    wait_until(stepped, "it", seconds=10)


def test_a_killed_child_comes_back_and_its_own_children_do_not_stay(tmp_path: Path) -> None:
    with tree(tmp_path, python("parent", WITH_GRANDCHILD, greets="grandchild")) as (supervisor, said):
        supervisor.start(deadline_s=10)
        first = supervisor.pids()["parent"]
        grandchild = int((tmp_path / "logs" / "parent.log").read_text().split()[1])
        os.kill(first, signal.SIGKILL)
        step_until(supervisor, lambda: supervisor.pids().get("parent", first) != first)
        wait_until(lambda: not psutil.pid_exists(grandchild) or is_zombie(grandchild), "its end")
    assert any("parent died by SIGKILL; it starts again" in line for line in said)


def test_a_child_that_dies_again_and_again_stops_the_tree_with_its_last_words(tmp_path: Path) -> None:
    dying = python("dying", "import sys; sys.exit('no disk')", greets="up")
    with tree(tmp_path, dying) as (supervisor, _), pytest.raises(TreeStopped) as stopped:
        supervisor.start(deadline_s=30)
    assert "dying died 5 times within a minute, the last time with exit code 1" in str(stopped.value)
    assert "no disk" in str(stopped.value)


def test_one_that_ignores_the_request_to_stop_is_killed_and_the_broker_goes_last(tmp_path: Path) -> None:
    broker = python("broker", FOREVER, greets="up", last=True)
    with tree(tmp_path, broker, python("deaf", DEAF, greets="up")) as (supervisor, _):
        supervisor.start(deadline_s=10)
        pids = supervisor.pids()
        began = time.monotonic()
    assert 3 < time.monotonic() - began < 6
    assert not any(psutil.pid_exists(pid) for pid in pids.values())


def test_a_child_that_is_never_ready_is_named(tmp_path: Path) -> None:
    mute = python("mute", FOREVER, greets="ready")
    with tree(tmp_path, mute) as (supervisor, _), pytest.raises(TreeStopped, match="mute did not get ready"):
        supervisor.start(deadline_s=0.5)


def test_children_die_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from config.local.supervisor import Child, Supervisor\n"
        f"child = Child('child', [sys.executable, '-c', {FOREVER!r}], {{}}, greets='up')\n"
        f"one = Supervisor([child], folder=Path({str(tmp_path)!r}), say=print)\n"
        "one.start(deadline_s=10); print(one.pids()['child'], flush=True); one.watch()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    wait_until(lambda: not psutil.pid_exists(child) or is_zombie(child), "its end")


def test_warnings_are_shown_and_chatter_is_not(tmp_path: Path) -> None:
    lines = [
        "INFO calm", "WARNING disk is nearly full", "  because", "DEBUG x",
        "Traceback (most recent call last):",
        '  File "x.py", line 1', "ValueError: no", "",
    ]  # fmt: skip
    with tree(tmp_path, talking("\n".join(lines))) as (supervisor, said):
        supervisor.start(deadline_s=10)
        step_until(supervisor, lambda: len(said) >= 2)
    assert said == ["talker: WARNING disk is nearly full", "talker: ValueError: no"]


def test_a_burst_of_warnings_does_not_flood_the_terminal(tmp_path: Path) -> None:
    with tree(tmp_path, talking("WARNING again\n" * 100 + "over")) as (supervisor, said):
        supervisor.start(deadline_s=10)
        step_until(supervisor, lambda: len(said) >= 21)
    assert said[20:] == [f"talker: and more, see {tmp_path}/logs/talker.log"]


def talking(text: str) -> Child:
    return python("talker", f"print({text!r}, flush=True); import time; time.sleep(600)")


def test_a_long_log_is_cut_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.local.childlog.LIMIT_BYTES", 1000)
    talker = python(
        "talker", "import time\nfor n in range(300): print('INFO', n, flush=True)\ntime.sleep(600)"
    )
    with tree(tmp_path, talker) as (supervisor, _):
        supervisor.start(deadline_s=10)
        step_until(supervisor, (tmp_path / "logs" / "talker.log.1").exists)
    assert (tmp_path / "logs" / "talker.log").stat().st_size < 2500


def test_a_second_tree_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    refused = pytest.raises(TreeStopped, match=f"already runs from {tmp_path} as process {os.getpid()}")
    with keeper.only_one_tree(tmp_path), refused, keeper.only_one_tree(tmp_path):
        pass


def test_what_a_killed_tree_left_behind_is_ended_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FOREVER]
    ours = subprocess.Popen(command, env=dict(os.environ, ASSAY_TREE=str(tmp_path)), stdout=subprocess.PIPE)
    other = subprocess.Popen(command, env=dict(os.environ, ASSAY_TREE="/elsewhere"), stdout=subprocess.PIPE)
    with ours, other:
        assert ours.stdout is not None
        ours.stdout.readline()
        assert keeper.end_leftovers(tmp_path) == [ours.pid]
        assert ours.wait(timeout=10) == -signal.SIGKILL
        assert other.poll() is None
        other.kill()


def test_a_port_counts_as_taken_even_when_its_owner_would_share_it() -> None:
    import socket

    with socket.socket() as owner:
        owner.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        port = owner.getsockname()[1]
        assert not probes.is_free("127.0.0.1", port)
    assert probes.is_free("127.0.0.1", port)


def is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_child_that_dies_while_the_disk_is_full_does_not_end_the_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tending, "PAUSES_S", (0.0,))
    hasty = python("hasty", "import sys; sys.exit(3)")
    with (
        small_disk(tmp_path / "small") as small,
        tree(small.path, hasty, python("calm", FOREVER)) as (made, said),
    ):
        for one in made._running:
            made._launch(one)
        small.fill()
        step_until(made, lambda: sum("hasty died" in line for line in said) > 2 * tending.CRASHES)
        assert "calm" in made.pids()
        assert any("is not up to date: " in line for line in said)

        small.make_room()
        with pytest.raises(TreeStopped, match="hasty died 5 times"):
            step_until(made, lambda: False)


def test_a_log_that_cannot_be_copied_is_cut_all_the_same(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", megabytes=16) as small:
        log = ChildLog(small.path / "logs" / "child.log")
        with log.opened_for_child() as output:
            output.write(b"x" * (LIMIT_BYTES + 1))
        small.fill()
        list(log.fresh_warnings())

        assert (log.path.stat().st_size, log.path.with_suffix(".log.1").exists()) == (0, False)
