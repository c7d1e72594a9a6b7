"""The child: `python -m registry.inspection` reads an order and writes one report per line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from formats.sets import SetLimits
from registry.inspection.policy import Policy
from registry.inspection.steps import Order, inspect


def main() -> None:
    document = json.load(sys.stdin)
    order = Order(
        files={key: Path(path) for key, path in document["files"].items()},
        manifest=document["manifest"],
        policy=Policy.from_json(document["policy"]),
        sets=SetLimits(**document["sets"]),
        folder=Path(document["weights"]) if document["weights"] else None,
    )
    for report in inspect(order):
        sys.stdout.write(json.dumps(report.to_json(), allow_nan=False) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
