"""What a worker with four small models takes of memory, and how long a node needs until it answers."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks import servers, workloads
from benchmarks.capacity import Pace
from benchmarks.closed_loop import Load, message, run
from benchmarks.measures import Measure
from benchmarks.servers import BEARER, CLIENT_CPU, Node, pss_mb


def measure(folder: Path, pace: Pace) -> list[Measure]:
    small = [workloads.logistic(), workloads.perceptron(), workloads.trees(), workloads.logistic(features=8)]
    memory, starts = [], []
    for turn in range(max(pace.rounds, 1)):
        place = folder / str(turn)
        models = {
            f"m{number}": servers.released(servers.version(place, each.model))
            for number, each in enumerate(small)
        }
        asked = [
            message(servers.infer_path(f"m{number}"), each.json_body(1), BEARER)
            for number, each in enumerate(small)
        ]
        with Node(place, models, asked) as node:
            starts.append(node.start_seconds)
            run(Load(node.port, asked), seconds=pace.seconds, cpu=CLIENT_CPU)
            (worker,) = node.workers()
            memory.append(pss_mb(worker))
    return [
        Measure(
            "memory of a worker with four small models",
            statistics.median(memory),
            "MB",
            "PSS after load: pages shared with others count in part",
            60.0,
        ),
        Measure(
            "start of a node with them",
            statistics.median(starts),
            "s",
            "from the command until all four answer",
            1.0,
        ),
    ]
