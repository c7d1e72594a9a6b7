"""One process tree per data folder: a lock, and an end for what a killed supervisor left behind."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config import env
from config.local.supervisor import TreeStopped

MARK = "ASSAY_TREE"


@contextmanager
def only_one_tree(folder: Path) -> Iterator[None]:
    """Holds the folder's lock; inside, nothing of an earlier tree is alive.

    Children inherit the mark, so that a tree whose supervisor was killed is recognised by it and not
    by process ids, which come again. Raises TreeStopped while another supervisor holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "supervisor.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise TreeStopped(
                f"Assay already runs from {folder} as process {lock.read().strip() or 'unknown'}: "
                "end that one, or set ASSAY_DATA_DIR to another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        end_leftovers(folder)
        env.set_default(MARK, str(folder))
        yield


def end_leftovers(folder: Path) -> list[int]:
    """Kill what still runs with this folder's mark, and say which process ids that were. Linux only."""
    if sys.platform != "linux":
        return []
    ended = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            marks = (process / "environ").read_bytes().split(b"\0")
            if f"{MARK}={folder}".encode() in marks and int(process.name) != os.getpid():
                os.kill(int(process.name), signal.SIGKILL)
                ended.append(int(process.name))
    return ended
