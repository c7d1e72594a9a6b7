"""`python -m scoring`: one scoring node. Everything is an argument; see `--help`."""

from __future__ import annotations

import asyncio
import logging
import sys
from importlib import import_module

from scoring import open_files
from scoring.node.settings import read
from scoring.node.workers import listening
from scoring.node.workers.launching import Launcher


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s scoring %(levelname)s %(message)s")
    try:
        settings = read(sys.argv[1:])
        settings.data.mkdir(parents=True, exist_ok=True)
        open_files.allow(settings.limits.connections)
        launcher = Launcher(listening.sockets(settings))
        launcher.prepare(settings.workers)
        # Only now: the workers import for longer than the node, and there is another core.
        node = import_module("scoring.node.node").Node(settings, launcher)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"scoring cannot start: {error}\n")
        return 2
    asyncio.run(node.run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
