"""A machine without an engine: this one's files under an overlay, mounts and a loopback of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from config.local.supervisor import die_with_parent

# pivot_root and not chroot: the kernel makes no user namespace, and so no cell, for who is chrooted.
MADE = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/written" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/written,workdir=$1/work" "$1/root"
for shared in proc dev sys; do mount --rbind "/$shared" "$1/root/$shared"; done
mkdir -p "$1/root/shared"
mount --bind "$2" "$1/root/shared"
mkdir -p "$1/root/programs"
mount --bind "$3" "$1/root/programs"
cd "$1/root"
mkdir -p machine
pivot_root . machine
umount -l /machine
chmod go+x /root
ip link set lo up
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start  # as engines do
echo made
exec sleep infinity
"""
# What a machine may need in order to reach its package index.
REACHING = ("PIP_", "HTTP_", "HTTPS_", "NO_PROXY", "http_", "https_", "no_proxy", "SSL_", "REQUESTS_")
SHARED, PROGRAMS = "/shared", "/programs"
OWN = ("unshare", "-m", "--propagation", "private")
# Volumes, then the whole root read-only, then an ordinary user: what a compose file says of a container.
CONTAINED = """
set -e
while [ "$1" != -- ]; do
    mkdir -p "$2"
    mount --bind "$1" "$2"
    [ "$3" = rw ] || mount -o remount,bind,ro "$2"
    shift 3
done
shift
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -o remount,bind,ro /
exec "$@"
"""


class NoMachine(Exception):
    """This system allows no overlay, or no mounts of its own."""


@dataclass(frozen=True)
class Volume:
    """A folder of the machine, where a container sees it, and whether it may write there."""

    folder: str
    at: str
    writable: bool = True


@dataclass(frozen=True)
class Machine:
    """Where commands run as in a container. `pid` holds its mounts and its network."""

    pid: int

    def run(self, command: Sequence[str], environment: Mapping[str, str], cwd: str = "/") -> str:
        """As root, with this machine's network, as an image is built: what was printed.

        Raises AssertionError with the command's words where it fails.
        """
        given = {name: value for name, value in os.environ.items() if name.startswith(REACHING)}
        inside = ["nsenter", "-t", str(self.pid), "-m"]
        inside += ["env", "-i", f"--chdir={cwd}", *_pairs({**given, **environment})]
        done = subprocess.run([*inside, *command], capture_output=True, text=True, timeout=600, check=False)
        told = f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        assert done.returncode == 0, f"{list(command)} ended with {done.returncode}:\n{told}"
        return done.stdout

    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        cwd: str = "/",
        volumes: Sequence[Volume] = (),
        user: int = 0,
        log: IO[bytes],
    ) -> subprocess.Popen[bytes]:
        """As a container: read-only but for its volumes, no capability, no network but their own."""
        mounts = [word for one in volumes for word in (one.folder, one.at, "rw" if one.writable else "ro")]
        own = [*OWN, "bash", "-c", CONTAINED, "contained", *mounts, "--"]
        person = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs"]
        person += ["--bounding-set=-all", "--inh-caps=-all"]
        inner = ["env", "-i", f"--chdir={cwd}", *_pairs(environment), *command]
        return subprocess.Popen(
            ["nsenter", "-t", str(self.pid), "-m", "-n", *own, *person, *inner],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, preexec_fn=die_with_parent,
        )  # fmt: skip


@contextmanager
def machine(folder: Path, shared: Path) -> Iterator[Machine]:
    """A machine whose files are this one's and whose changes are forgotten.

    shared   a folder that both see, there as SHARED: what changes under an overlay does not show in it.

    The environment that the tests run in is there as PROGRAMS: a container's own /tmp may hide it.
    """
    process = subprocess.Popen(
        [*OWN, "-n", "bash", "-c", MADE, "machine", str(folder), str(shared), sys.prefix],
        stdout=subprocess.PIPE, start_new_session=True, preexec_fn=die_with_parent,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        if process.stdout.readline() != b"made\n":
            raise NoMachine
        yield Machine(process.pid)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def _pairs(environment: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]
