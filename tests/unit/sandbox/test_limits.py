"""Programs that take too much are ended, and the parent says what it was."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from registry.sandbox import Ending, Mount, command, start
from registry.sandbox.limits import MIB
from registry.sandbox.meter import family
from registry.sandbox.orphans import end_orphans


def test_memory_beyond_the_limit_ends_it(inside):
    finished = inside("""
        blocks = []
        while True:
            blocks.append(b"x" * (8 << 20))
    """)

    assert finished.ending is Ending.MEMORY or b"MemoryError" in finished.stderr
    assert finished.peak_memory_bytes > 200 * MIB


def test_memory_of_all_processes_counts_together(inside):
    finished = inside("""
        import os, time
        for _ in range(4):
            if not os.fork():
                block = b"x" * (100 << 20)
                time.sleep(60)
        time.sleep(60)
    """)

    assert finished.ending is Ending.MEMORY
    assert "256 MiB of memory" in finished.sentence


def test_a_nice_cell_gives_way_to_what_runs_outside_its_session(inside, quick):
    """Where the kernel shares out among sessions first, niceness within one gives nobody else anything."""
    finished = inside(
        """
        import os
        from pathlib import Path
        group = Path("/proc/self/autogroup")
        print(os.getpriority(os.PRIO_PROCESS, 0), group.read_text() if group.exists() else "nice 10")
        """,
        replace(quick, niceness=10),
    )
    own, *_, of_the_session = finished.stdout.split()
    assert (int(own), int(of_the_session)) == (10, 10)


def test_who_has_stepped_back_starts_cells_that_are_no_nicer_for_it(inside, quick):
    def start_one():
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
        return inside("import os; print(os.getpriority(os.PRIO_PROCESS, 0))", replace(quick, niceness=10))

    with ThreadPoolExecutor(1) as thread:
        assert int(thread.submit(start_one).result().stdout) == 10


def test_one_huge_allocation_is_refused_at_once(inside):
    finished = inside("b'x' * (8 << 30)")

    assert b"MemoryError" in finished.stderr


def test_memory_shared_between_processes_is_counted_once(inside, quick):
    finished = inside(
        """
        import os, time
        block = b"x" * (100 << 20)
        for _ in range(4):
            if not os.fork():
                time.sleep(1)
                os._exit(0)
        for _ in range(4):
            os.wait()
        """
    )

    assert finished.ok, finished
    assert 100 * MIB < finished.peak_memory_bytes < 200 * MIB


def test_a_busy_loop_ends_at_its_processor_time(inside, quick):
    finished = inside("while True: pass", replace(quick, cpu_seconds=1))

    assert finished.ending is Ending.SIGNALLED
    assert finished.sentence == "used more than 1 s of processor time"


def test_a_hang_ends_at_the_wall_clock(inside, quick):
    finished = inside(
        "import time; print('begun', flush=True); time.sleep(600)", replace(quick, wall_seconds=1)
    )

    assert finished.ending is Ending.WALL_CLOCK
    assert finished.sentence == "did not end within 1 s"
    assert finished.stdout == b"begun\n"
    assert 1 <= finished.wall_seconds < 15


def test_a_program_that_catches_every_signal_still_ends(inside, quick):
    finished = inside(
        """
        import os, signal, time
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        if os.fork():
            os.setsid() if os.getpid() != os.getsid(0) else None
        while True:
            time.sleep(1)
        """,
        replace(quick, wall_seconds=1),
    )

    assert finished.ending is Ending.WALL_CLOCK


def test_a_file_beyond_its_size_is_cut(inside):
    finished = inside("open('/tmp/x', 'wb').write(b'x' * (9 << 20))")

    assert not finished.ok
    assert b"File too large" in finished.stderr or "8 MiB" in finished.sentence


def test_many_files_together_stay_within_the_size_of_its_tmp(inside):
    finished = inside("""
        for number in range(100):
            with open(f"/tmp/{number}", "wb") as file:
                file.write(b"x" * (1 << 20))
    """)

    assert b"No space left" in finished.stderr


def test_a_lent_folder_cannot_be_flooded_with_bytes(inside, tmp_path):
    finished = inside(
        """
        import time
        for number in range(100):
            with open(f"/run/lent/{number}", "wb") as file:
                file.write(b"x" * (1 << 20))
            time.sleep(0.02)
        """,
        mounts=[Mount(tmp_path, "/run/lent", writable=True)],
    )

    assert finished.ending is Ending.FILES


def test_a_lent_folder_cannot_be_flooded_with_files(inside, tmp_path):
    finished = inside(
        """
        import time
        for number in range(3000):
            open(f"/run/lent/{number}", "wb").close()
        time.sleep(60)
        """,
        mounts=[Mount(tmp_path, "/run/lent", writable=True)],
    )

    assert finished.ending is Ending.FILES


BOMB = """
    import os, time
    for _ in range(9):
        try:
            os.fork()
        except OSError:
            pass
    while True:
        time.sleep(1)
"""
"""At most 512 processes even where no limit holds: a test that fails must not take the machine with it."""


def test_a_fork_bomb_ends_and_leaves_nothing(inside, quick):
    finished = inside(BOMB, replace(quick, wall_seconds=1))

    assert finished.ending is Ending.WALL_CLOCK


def test_processes_are_counted_from_outside_too(inside, quick, monkeypatch):
    """Where the system's own limit does not bind, as for root."""
    told = command.isolated
    monkeypatch.setattr(command, "isolated", lambda argv, limits: told(argv, replace(limits, processes=400)))

    finished = inside(BOMB, quick)

    assert finished.ending is Ending.PROCESSES
    assert finished.sentence == "started more than 20 processes"


def test_there_are_never_more_processes_than_the_limit(inside):
    finished = inside("""
        import os, time
        born = 0
        try:
            for _ in range(100):
                if not os.fork():
                    time.sleep(30)
                    os._exit(0)
                born += 1
        except OSError:
            pass
        print(born)
    """)

    assert 0 < int(finished.stdout) <= 20


def test_open_files_are_limited(inside):
    finished = inside("kept = [open('/dev/null') for _ in range(100)]")

    assert b"Too many open files" in finished.stderr


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_of_output_ends(inside, stream):
    finished = inside(f"import sys\nwhile True: sys.{stream}.write('x' * 10_000)")

    assert finished.ending is Ending.OUTPUT
    assert len(getattr(finished, stream)) == 100_000


def test_output_up_to_the_limit_arrives_whole(inside):
    finished = inside("print('x' * 99_998)")

    assert finished.ok
    assert finished.stdout == b"x" * 99_998 + b"\n"


def test_input_arrives_whole_and_may_be_ignored(inside):
    text = os.urandom(3_000_000)

    assert inside("import sys; print(len(sys.stdin.buffer.read()))", stdin=text).stdout == b"3000000\n"
    assert inside("print('deaf')", stdin=text).stdout == b"deaf\n"


def test_a_crash_is_named(inside):
    finished = inside("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")

    assert (finished.ending, finished.returncode) == (Ending.SIGNALLED, -11)
    assert finished.sentence.startswith("crashed (SIGSEGV: ")


def test_a_status_is_told(inside):
    assert inside("raise SystemExit(3)").sentence.startswith("failed with status 3")


def test_no_core_file_is_written(inside):
    finished = inside("import resource; print(resource.getrlimit(resource.RLIMIT_CORE))")

    assert finished.stdout == b"(0, 0)\n"


def test_limits_cannot_be_raised_again(inside):
    finished = inside("""
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    """)

    assert b"not allowed to raise" in finished.stderr


def test_a_cell_is_killed_with_all_its_descendants_when_the_block_ends(quick):
    program = "import os, time\nos.fork()\nif os.fork() == 0: os.setsid()\ntime.sleep(60)"
    with start(["-c", program], limits=quick) as cell:
        members = wait_for(lambda: found if len(found := family(cell.pid)) >= 5 else None)
        assert cell.poll() is None

    assert cell.poll().ending is Ending.KILLED
    wait_for(lambda: not [pid for pid in members if alive(pid)])


def test_a_kill_that_comes_while_the_cell_is_measured_is_not_forgotten(quick):
    with start(["-c", "import time; time.sleep(60)"], limits=quick) as cell:
        measure = cell._watch.meter.sample

        def measure_while_somebody_kills(most):
            cell.kill()
            measure(most)

        cell._watch.meter.sample = measure_while_somebody_kills
        finished = cell.finish()

    assert finished.ending is Ending.KILLED


@pytest.mark.isolated
def test_a_cell_dies_with_the_parent(tmp_path):
    program = """
import os, sys, signal
from registry.sandbox import start
from registry.sandbox.meter import family
cell = start(["-c", "import time; time.sleep(60)"])
while len(family(cell.pid)) < 3:
    pass
print(*family(cell.pid), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    members = [int(word) for word in told.stdout.split()]

    assert len(members) >= 3, told.stderr
    wait_for(lambda: not [pid for pid in members if alive(pid)])


@pytest.mark.isolated
def test_the_next_cell_ends_those_whose_parent_was_killed_at_once(inside):
    """Bubblewrap had not yet asked to end with its parent when that was gone."""
    mark = f"120.{secrets.randbelow(10**9):09}"
    program = f"""
import os, signal
from registry.sandbox import start
start(["/usr/bin/sleep", "{mark}"])
os.kill(os.getpid(), signal.SIGKILL)
"""

    def one_is_left():
        subprocess.run([sys.executable, "-c", program], check=False)
        time.sleep(0.3)  # those that bubblewrap ends by itself are gone by then
        return started_with(mark)

    wait_for(one_is_left, seconds=90)  # each try takes a second or more on a busy machine
    assert inside("print(1)").stdout == b"1\n"
    wait_for(lambda: not started_with(mark))


@pytest.mark.isolated
def test_a_cell_that_somebody_listens_to_is_left_alone():
    with start(["-c", "import time; time.sleep(60)"]) as cell:
        wait_for(lambda: len(family(cell.pid)) >= 3)
        end_orphans()
        with pytest.raises(AssertionError):
            wait_for(cell.poll, seconds=0.5)


def started_with(word):
    """The processes that have this word on their command line, bubblewrap's among them."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if word.encode() in line.read_bytes().split(b"\0"):
                found.append(int(line.parent.name))
    return found


def wait_for(question, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.01)
    raise AssertionError("did not happen")


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False
