"""`python -m benchmarks.peers [NAMES]`: install the peers, each in an environment of its own."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.catalog import ALL, HOME, Peer

_SECONDS = 900


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("names", nargs="?", default=",".join(ALL), help="by comma; all without")
    names = parser.parse_args().names.split(",")
    if unknown := sorted(set(names) - set(ALL)):
        sys.stderr.write(f"no such peer: {', '.join(unknown)}; there are {', '.join(ALL)}\n")
        return 2
    _leave_the_shared_one()
    failed = [name for name in names if not _install(ALL[name])]
    return 1 if len(failed) == len(names) else 0


def _install(peer: Peer) -> bool:
    """Install one peer; say so, or why not."""
    folder = HOME / peer.name
    uv = str(Path(sys.executable).with_name("uv"))
    steps = [
        [uv, "venv", "--quiet", "--allow-existing", str(folder)],
        [uv, "pip", "install", "--quiet", "--upgrade", "--python", str(peer.python), *peer.packages],
    ]
    (folder / ".installed").unlink(missing_ok=True)
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=_SECONDS, check=False)
            reason = done.stderr.strip() if done.returncode else ""
        except subprocess.TimeoutExpired:
            reason = f"not finished after {_SECONDS} s"
        if reason:
            sys.stderr.write(f"{peer.title} is left out, it cannot be installed: {reason}\n")
            return False
    (folder / ".installed").touch()
    told = ", ".join(f"{name} {number}" for name, number in peer.versions().items())
    sys.stdout.write(f"{peer.title}: {told}\n")
    sys.stdout.flush()
    return True


def _leave_the_shared_one() -> None:
    """Before each peer had an environment of its own, one stood in `HOME` itself."""
    if (HOME / "pyvenv.cfg").exists():
        for part in ("bin", "include", "lib"):
            shutil.rmtree(HOME / part, ignore_errors=True)
        for part in ("lib64", "pyvenv.cfg", ".gitignore", ".lock", "CACHEDIR.TAG"):
            (HOME / part).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
