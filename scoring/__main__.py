"""`python -m scoring`: one scoring node. Everything is an argument; see `--help`."""

from __future__ import annotations

import asyncio
import logging
import sys

from scoring.node.node import Node
from scoring.node.settings import read


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s scoring %(levelname)s %(message)s")
    try:
        node = Node(read(sys.argv[1:]))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"scoring cannot start: {error}\n")
        return 2
    asyncio.run(node.run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
