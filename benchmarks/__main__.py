"""`python -m benchmarks`: measure our server, the bounds and the installed peers.

CPU microseconds per request of a whole server, as ratios of medians measured in turn.
docs/performance.md shows what `--write` has kept.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import onnxruntime

from benchmarks import capacity, further, picture, report, workloads
from benchmarks.capacity import Pace
from benchmarks.closed_loop import BadAnswer
from benchmarks.peers.catalog import ALL, Peer
from benchmarks.servers import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "reference.json"
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance.svg"


def main() -> int:
    given = _parser().parse_args()
    pace = Pace(given.seconds, given.rounds, given.connections)
    peers = _peers(_words(given.peers, ALL))
    document: dict[str, Any] = {
        "at": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": _machine(),
        "pace": {"seconds": pace.seconds, "rounds": pace.rounds, "connections": pace.connections},
        "versions": {peer.title: peer.versions() for peer in peers},
        "absent": {},
        "capacity": [],
        "measures": [],
    }
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as scratch:
        _capacity(given, peers, pace, Path(scratch), document)
        _measures(_words(given.measures, further.ALL), pace, Path(scratch), document)
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    if given.json:
        Path(given.json).write_text(text)
    if given.write:
        write(document)
    return 0


def write(document: dict[str, Any]) -> None:
    """Keep the figures: the JSON, the page's tables, the picture."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(report.between_markers(PAGE.read_text(), report.markdown(document)))
    PICTURE.write_text(picture.draw(document))


def _capacity(
    given: argparse.Namespace, peers: Sequence[Peer], pace: Pace, scratch: Path, document: dict[str, Any]
) -> None:
    counts = [int(word) for word in given.rows.split(",")]
    for name in _words(given.workloads, workloads.ALL):
        workload = workloads.ALL[name]()
        for case in capacity.measure(workload, counts, peers, pace, scratch / name, document["absent"]):
            document["capacity"].append(case)
            _say(report.plain_case(case))


def _measures(names: Sequence[str], pace: Pace, scratch: Path, document: dict[str, Any]) -> None:
    _say("")
    for name in names:
        try:
            found = further.ALL[name](scratch / name, pace)
        except (BadAnswer, RuntimeError) as error:
            document["absent"][name] = str(error)
            sys.stderr.write(f"{name} could not be measured: {error}\n")
            continue
        for measure in found:
            document["measures"].append(measure.to_json())
            _say(report.plain_measure(measure.to_json()))


def _peers(names: Sequence[str]) -> list[Peer]:
    there = [ALL[name] for name in names if ALL[name].installed()]
    if missing := [ALL[name].title for name in names if ALL[name] not in there]:
        sys.stderr.write(f"not installed, so not measured (make bench-peers): {', '.join(missing)}\n")
    return there


def _words(given: str, known: Any) -> list[str]:
    words = list(known) if given == "all" else [word for word in given.split(",") if word]
    if unknown := [word for word in words if word not in known]:
        raise SystemExit(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    return words


def _machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": (names or [platform.machine()])[0],
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
    }


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--workloads", default="all", help=f"by comma, of {','.join(workloads.ALL)}")
    add("--rows", default="1,100", help="rows per request, by comma; what is too large for JSON is left out")
    add("--seconds", type=float, default=1.0, help="of each run")
    add("--rounds", type=int, default=5, help="each with every server")
    add("--connections", type=int, default=16)
    add(
        "--peers",
        default="all",
        help=f"by comma, of {','.join(ALL)}; those that are not installed are left out",
    )
    add("--measures", default="all", help=f"by comma, of {','.join(further.ALL)}; '' for none")
    add("--json", help="write the figures to this file")
    add("--write", action="store_true", help="write them to benchmarks/results and docs/")
    return parser


if __name__ == "__main__":
    sys.exit(main())
