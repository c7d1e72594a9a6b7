"""`python -m benchmarks.decisions`: what rollouts decide, against what is possible and what is usual.

Seeded, and driven through the product's own classes. Exits 1 where something broke, not where a goal is
missed: that the table says.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Iterable
from typing import Any

from benchmarks.decisions import table
from benchmarks.decisions.catalog import ROWS
from benchmarks.decisions.rows import dice, kept
from benchmarks.servers import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "decisions.json"
PAGE = ROOT / "docs" / "decisions.md"
SEED = 20_261_128


def main() -> int:
    given = _parser().parse_args()
    numbers = [int(word) for word in given.rows.split(",")] if given.rows else list(ROWS)
    broken = False
    for number in numbers:
        try:
            found = _run(number, given.seed, given.quick)
        except Exception:
            broken = True
            print(f"{number}. BROKEN", file=sys.stderr)
            traceback.print_exc()
            continue
        print(table.plain(found), flush=True)
        if given.write:
            write([found])
    return 1 if broken else 0


def _run(number: int, seed: int, quick: bool) -> dict[str, Any]:
    row, begun = ROWS[number], time.perf_counter()
    found = row.run(dice(seed, number), quick)
    return kept(row, found, seed=seed, quick=quick, seconds=time.perf_counter() - begun)


def write(rows: Iterable[dict[str, Any]]) -> None:
    """Keep these rows beside the others of the results, and put all of them into the page."""
    before = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    merged = {row["number"]: row for row in (*before, *rows)}
    document = {"rows": [merged[number] for number in sorted(merged)]}
    RESULTS.write_text(json.dumps(document, indent=1, ensure_ascii=False, default=float) + "\n")
    PAGE.write_text(table.between_markers(PAGE.read_text(), table.markdown(document)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decisions", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs: minutes instead of an hour")
    parser.add_argument("--rows", default="", help="such as 8,10; otherwise all")
    parser.add_argument("--seed", type=int, default=SEED, help="0 is a seed like any other")
    parser.add_argument("--write", action="store_true", help="keep what was found in results and docs")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
