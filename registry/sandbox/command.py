"""The words that start a cell: bubblewrap's arguments, or the bare command on a machine without it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath

from registry.sandbox import parts
from registry.sandbox.limits import Limits, Mount

CODE = "/assay"
SCRATCH = "/tmp"  # noqa: S108 - the cell's own
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("formats", "scoring", "registry", "releases")
STAGE = "registry/sandbox/stage.py"
NOBODY = 65534
"""The kernel's overflow id: outside the cell it owns nothing."""
SPARE_IDS = range(1 << 30, (1 << 30) + (1 << 24))
SPARE_IDS_IN_A_CONTAINER = range(60_000, 65_000)


def python(module: str, *arguments: str) -> list[str]:
    """The words that run one of our own modules inside a cell, as the interpreter takes them."""
    return ["-m", module, *arguments]


def environment(code: str) -> dict[str, str]:
    """All that a cell finds in its environment: nothing of ours."""
    return {
        "HOME": SCRATCH,
        "TMPDIR": SCRATCH,
        "LANG": "C.UTF-8",
        "PYTHONPATH": code,
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


def bare(argv: Sequence[str], limits: Limits) -> list[str]:
    """The command under resource limits alone. Its processes are counted by the parent only: the system
    would count all of the user's."""
    return _staged(str(ROOT), argv, replace(limits, processes=0))


def isolated(argv: Sequence[str], limits: Limits) -> list[str]:
    """The command as bubblewrap gets it, after its own arguments: an ordinary user under resource limits."""
    return [*_as_ordinary_user(), *_staged(CODE, argv, limits)]


def bubblewrap_arguments(mounts: Sequence[Mount], limits: Limits) -> list[str]:
    """Everything between `bwrap` and the command."""
    everything = [*parts.parts(), *parts.programs(limits.programs), *_code(), *mounts]
    return [
        *_namespaces(),
        *("--die-with-parent", "--new-session", "--hostname", "cell"),
        # before what is mounted: the product itself may lie in a folder below /tmp
        *("--perms", "1777", "--size", str(limits.file_bytes), "--tmpfs", SCRATCH),
        *_folders(
            PurePosixPath(target) for target in (*parts.SHOWN, *(mount.target for mount in everything))
        ),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev"),
        *(word for mount in everything for word in _bound(mount)),
        # what bubblewrap makes itself lies in memory without a limit
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", SCRATCH),
    ]


def _staged(code: str, argv: Sequence[str], limits: Limits) -> list[str]:
    return [sys.executable, f"{code}/{STAGE}", json.dumps(asdict(limits)), *argv]


def _namespaces() -> list[str]:
    """Root stays in its user namespace, to become an ordinary user of it: a lone mapped id would be root."""
    if os.geteuid() == 0:
        unshared = [f"--unshare-{kind}" for kind in ("ipc", "pid", "net", "uts", "cgroup-try")]
        kept = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
        return [*unshared, "--cap-drop", "ALL", *(word for name in kept for word in ("--cap-add", name))]
    ids = ["--uid", str(NOBODY), "--gid", str(NOBODY)]
    return ["--unshare-all", "--unshare-user", "--disable-userns", *ids, "--cap-drop", "ALL"]


def _as_ordinary_user() -> list[str]:
    if os.geteuid() != 0:
        return []
    # an id of its own: limits on processes count by user
    own = secrets.choice(SPARE_IDS if _maps_all_ids() else SPARE_IDS_IN_A_CONTAINER)
    return [
        parts.STEPPER,
        *(f"--reuid={own}", f"--regid={own}", "--clear-groups"),
        *("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"),
    ]


def _maps_all_ids() -> bool:
    ranges = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return any(
        int(first) <= SPARE_IDS.start and SPARE_IDS.stop <= int(first) + int(n) for first, _, n in ranges
    )


def _system() -> Iterator[str]:
    for said, link in parts.links():
        yield from ("--symlink", said, link)
    for path in parts.SHOWN:
        yield from ("--ro-bind-try", path, path)


def _code() -> list[Mount]:
    return [Mount(ROOT / name, f"{CODE}/{name}") for name in PACKAGES if (ROOT / name).is_dir()]


def _folders(targets: Iterable[PurePosixPath]) -> Iterator[str]:
    """The folders above the mounts, open to the cell's user: bubblewrap makes missing ones for root alone."""
    above = {parent for target in targets for parent in target.parents if parent != PurePosixPath("/")}
    for folder in sorted(above):
        yield from ("--perms", "0755", "--dir", str(folder))


def _bound(mount: Mount) -> tuple[str, str, str]:
    return ("--bind" if mount.writable else "--ro-bind", str(mount.source.resolve()), mount.target)


def bubblewrap() -> str | None:
    """Where bubblewrap is, with what our recipe needs beside it."""
    if os.geteuid() == 0 and not os.access(parts.STEPPER, os.X_OK):
        return None
    return shutil.which("bwrap")
