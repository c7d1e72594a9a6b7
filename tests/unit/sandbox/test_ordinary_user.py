"""The recipe for an ordinary user, played by one: root steps down to it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

SYSTEM_PYTHON = Path("/usr/bin/python3")
ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import json, os, sys
from registry.sandbox import Limits, level, run

forks = "import os, time\\nfor _ in range(30): os.fork() or (time.sleep(9), os._exit(0))"
namespace = "import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))"
network = "print(len(open('/proc/net/dev').readlines()) - 2)"
memory = "blocks = []\\nwhile True: blocks.append(b'x' * (8 << 20))"
files = "import os; print(sorted(name for name in os.listdir('/') if name in ('root', 'home', 'var')))"
writable = "import os; print([name for name in '/ /dev /dev/shm /tmp'.split() if os.access(name, os.W_OK)])"
limits = Limits(memory_bytes=128 << 20, wall_seconds=20, processes=20)
programs = (forks, namespace, network, memory, files, writable)
done = [run(["-c", text], limits=limits) for text in programs]
print(json.dumps([level().name] + [(one.ending, one.stdout.decode(), one.stderr.decode()) for one in done]))
"""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not SYSTEM_PYTHON.exists(),
    reason="needs root, to step down, and the system's Python",
)


def test_the_walls_hold_for_an_ordinary_user_too():
    stepped_down = ["/usr/bin/setpriv", "--reuid=1999", "--regid=1999", "--clear-groups"]
    done = subprocess.run(
        [*stepped_down, SYSTEM_PYTHON, "-c", PROGRAM],
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    name, forks, namespace, network, memory, files, writable = json.loads(done.stdout)

    assert name == "bubblewrap"
    assert "Resource temporarily unavailable" in forks[2]
    assert namespace[1] == "-1\n"
    assert network[1] == "1\n"
    assert memory[0] == "memory" or "MemoryError" in memory[2]
    assert files[1] == "[]\n"
    assert writable[1] == "['/tmp']\n"
