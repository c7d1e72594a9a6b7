"""`python -m benchmarks.overhead`: what routing, request id, counters and prediction log cost per request.

The parts are those of a worker, called as it calls them, on runs of a few gathered requests.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from time import perf_counter, process_time, time
from typing import Any

import numpy as np

from formats.documents import Hex
from formats.plan import MOST_NAMED, WHOLE, Arm, ArtifactRef, ModelPlan, PlannedRollout, PlannedVersion
from formats.types import Signature, TensorSpec
from scoring.assignments import Assigner, Assignment
from scoring.request_ids import Issuer, model_tag
from scoring.routing import chooser, named, rendezvous, splitter
from scoring.telemetry import Cell, Meters, count
from scoring.tensors import Block
from scoring.worker.batching import Ran
from scoring.worker.exchange import Exchange, Target
from scoring.worker.picture import Endpoint, random_place
from scoring.worker.samples import Sampler, Samples

KEY = bytes(range(32))
SIGNATURE = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1, 1)),))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--run", type=int, default=8, help="requests that run together")
    parser.add_argument("--seconds", type=float, default=0.3, help="of each measurement")
    arguments = parser.parse_args()
    for name, work in _parts(arguments.run).items():
        times = [_timed(work, arguments.seconds) / arguments.run * 1e9 for _ in range(7)]
        sys.stdout.write(f"{name:40s} {min(times):7.0f} ns per request\n")
    return 0


def _parts(size: int) -> dict[str, Callable[[], object]]:
    meters = Meters()
    meter = meters.cell(Cell("m", 1, "champion"))
    issuer = Issuer(KEY, model_tag("m"), 1, 1, 0)
    nobody: Any = None
    target = Target("m", nobody, issuer, meter)
    one = Endpoint("m", "score", nobody, [target], [target], b"salt")
    arms = (Arm(2, WHOLE // 20, "c"), Arm(1, WHOLE - WHOLE // 20, "champion"))
    two = Endpoint("m", "score", nobody, [target, target], [], b"salt", splitter(arms))
    several = [Arm(number, WHOLE // 4, "bandit:0.25") for number in range(1, 5)]
    four = Endpoint("m", "score", nobody, [target] * 4, [], b"salt", rendezvous(several, b"salt"))
    trial = Endpoint("m", "score", nobody, [target, target], [], b"salt", chooser(_trial()))
    assigner = Assigner(KEY, model_tag("m"), b"salt")
    kept = assigner.make(Assignment(1, 1, 7))
    exchanges = [_exchange(target) for _ in range(size)]

    def routed(endpoint: Endpoint, unit: str | None) -> None:
        for _ in exchanges:
            place = random_place() if unit is None else endpoint.place(unit)
            endpoint.target(place, internal=False)

    def issued() -> None:
        at = int(time() * 1000)
        for number, exchange in enumerate(exchanges):
            exchange.target.issuer.issue(exchange.unit, at, number, 1)

    def counted() -> None:
        count(exchanges, perf_counter(), len(exchanges))

    ids = [(issuer.issue(7, int(time() * 1000), number, 1), None) for number in range(size)]
    ran = Ran(exchanges, [np.zeros((size, 1), dtype="<f4")], None, 0.0, 0.0)

    return {
        "nothing: the loop itself": lambda: [None for _ in exchanges],
        "routing, one arm, unit unnamed": lambda: routed(one, None),
        "routing, one arm, unit named": lambda: routed(one, "user-17"),
        "routing, two arms, unit named": lambda: routed(two, "user-17"),
        "routing, a trial of 100,000 units": lambda: routed(trial, "user-17"),
        "routing, a bandit of four arms": lambda: routed(four, "user-17"),
        "an assignment, made": lambda: [assigner.make(Assignment(1, 1, 7)) for _ in exchanges],
        "an assignment, read": lambda: [assigner.read(kept, 7) for _ in exchanges],
        "request id": issued,
        "counters": counted,
        "prediction log, off": _looks(0.0, ran, ids),
        "prediction log, 1 in 100": _looks(0.01, ran, ids),
    }


def _looks(share: float, ran: Ran, ids: Sequence[tuple[bytes, str | None]]) -> Callable[[], object]:
    """What a run's answers cost when `share` of them is kept."""
    sampler = Sampler(Samples(), "m", 1, KEY)
    sampler.follow(share, SIGNATURE)

    def look() -> None:
        if sampler.threshold:
            sampler.look(ran, ids, 0, 1.0)

    return look


def _trial() -> ModelPlan:
    ref, nothing = ArtifactRef("ab" * 32, 1), Signature((), ())
    people = named((f"user-{number}" for number in range(MOST_NAMED)), b"salt")
    return ModelPlan(
        1,
        Hex(b"salt"),
        (Arm(2, 0, "trial"), Arm(1, WHOLE, "champion")),
        {number: PlannedVersion(number, "cd" * 32, ref, nothing) for number in (1, 2)},
        rollout=PlannedRollout(1, 1, (2,), trial=people),
    )


def _exchange(target: Target) -> Exchange:
    made: Any = Exchange(None, None, b"", perf_counter())  # type: ignore[arg-type]
    made.rows, made.target, made.unit = 1, target, 7
    made.blocks = [Block((1, 2), bytes(8))]
    return made  # type: ignore[no-any-return]


def _timed(work: Callable[[], object], seconds: float) -> float:
    work()
    calls, started = 0, process_time()
    while (spent := process_time() - started) < seconds:
        for _ in range(200):
            work()
        calls += 200
    return spent / calls


if __name__ == "__main__":
    sys.exit(main())
