"""Every strategy's stages under load, one after another and back again: no client may notice.

The entries are those of the strategies' own stages (`releases.rollout.strategies`), by the steps of
`releases.plans`; a bandit's shares move in between by documents of their own.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import replace

from benchmarks import servers, workloads
from benchmarks.capacity import Pace
from benchmarks.closed_loop import Load, message, run_together
from benchmarks.measures import Measure
from benchmarks.servers import BEARER, CLIENT_CPU, MODEL, Node
from formats import shares
from formats.plan import INTERVAL, RENDEZVOUS, WHOLE, Arm, ModelPlan, PlannedRollout, PlannedVersion
from formats.shares import Shares, shares_path
from releases import plans
from releases.rollout.designs.design import Asked, Design, Kind, StageKind
from releases.rollout.strategies import STRATEGIES, steps
from releases.rollout.strategies.base import Standing
from scoring.node.files import write_atomically

TIMES = 100
SALT = bytes(range(16))
_CONNECTIONS = 8
_LONGEST_SECONDS = 30.0


def entries(kind: Kind, old: PlannedVersion, new: PlannedVersion) -> Iterator[ModelPlan]:
    """What nodes are to do in each stage of a rollout of this kind, and once it is won."""
    names = (str(new.number),)
    design = Design(kind, str(old.number), names, STRATEGIES[kind].preset(Asked(names, str(old.number))))
    versions = {old.number: old, new.number: new}
    for place, stage in enumerate(design.stages):
        standing, is_bandit = Standing(stage=place), stage.kind is StageKind.BANDIT
        yield plans.shared_out(
            versions,
            [Arm(int(arm), weight, str(kind)) for arm, weight in steps.stretches_at(design, standing)],
            mirrors=[int(arm) for arm, share in steps.mirrors_at(design, standing) if share],
            rollout=PlannedRollout(
                id=1,
                baseline=old.number,
                challengers=(new.number,),
                counted=stage.kind is not StageKind.SHADOW,
                pair=stage.pair,
                even=design.play.even if is_bandit else 0.0,
            ),
            salt=SALT,
            hashing=RENDEZVOUS if is_bandit else INTERVAL,
        )
    yield plans.alone(new, revision=0, salt=SALT, warm=[old])


def moved(entry: ModelPlan, step: int) -> ModelPlan:
    """Other shares of a bandit's arms, in 64ths."""
    first, second = entry.arms
    part = WHOLE // 64 * (1 + step % 63)
    return replace(entry, arms=(replace(first, weight=part), replace(second, weight=WHOLE - part)))


class Mover(threading.Thread):
    """Brings one entry after another into force, and what stood before again, `times` a strategy."""

    def __init__(
        self,
        tell: Callable[[ModelPlan, ModelPlan], None],
        old: PlannedVersion,
        new: PlannedVersion,
        times: int,
    ) -> None:
        super().__init__()
        self.went: dict[Kind, int] = dict.fromkeys(Kind, 0)
        self.returned: dict[Kind, int] = dict.fromkeys(Kind, 0)
        self._tell, self._versions, self._times = tell, (old, new), times
        self._standing = plans.alone(old, revision=1, salt=SALT, warm=[new])

    def run(self) -> None:
        origin = self._standing
        for kind in Kind:
            while self.returned[kind] < self._times:
                for entry in entries(kind, *self._versions):
                    self._follow(entry)
                    self.went[kind] += 1
                    if entry.hashing == RENDEZVOUS:
                        self._follow(moved(entry, self.went[kind]))
                    self._follow(origin)
                    self.returned[kind] += 1

    def _follow(self, entry: ModelPlan) -> None:
        before, self._standing = self._standing, replace(entry, revision=self._standing.revision + 1)
        self._tell(before, self._standing)


def telling(node: Node, folder: Path) -> Callable[[ModelPlan, ModelPlan], None]:
    """Tells a node of the next entry as the control plane does, and waits until its heartbeat has it."""
    facts, sequence = folder / "data" / "node.json", [1]

    def tell(before: ModelPlan, entry: ModelPlan) -> None:
        if shares.shares_alone(before, entry):
            said = Shares(
                "production", "", sequence[0] + 1, MODEL, entry.revision, before.revision, entry.arms
            )
            document = json.dumps({"payload": shares.serialise(said)})
            write_atomically(shares_path(folder / "plan.json"), document.encode())
        else:
            sequence[0] += 1
            node.plan({MODEL: entry})
        began = time.monotonic()
        while json.loads(facts.read_bytes())["models"].get(MODEL, {}).get("revision", 0) < entry.revision:
            if time.monotonic() - began > _LONGEST_SECONDS:
                raise TimeoutError(f"the node does not follow revision {entry.revision}")
            time.sleep(0.005)

    return tell


def measure(folder: Path, pace: Pace) -> list[Measure]:
    workload = workloads.ALL["W1"]()
    old, new = (servers.version(folder, workload.model, number) for number in (1, 2))
    first = plans.alone(old, revision=1, salt=SALT, warm=[new])
    # Named or not: a unit that is named comes by its hash, and any other by a draw.
    bodies = [
        json.dumps({**json.loads(workload.json_body(1)), **({"unit": f"u{n}"} if n % 2 else {})})
        for n in range(200)
    ]
    requests = [message(servers.infer_path(), body.encode(), BEARER) for body in bodies]
    with Node(folder, {MODEL: first}, requests[:1]) as node:
        mover = Mover(telling(node, folder), old, new, TIMES)
        mover.start()
        asked = failed = 0
        while mover.is_alive():
            (seen,) = run_together(
                [Load(node.port, requests, _CONNECTIONS)], seconds=pace.seconds, cpu=CLIENT_CPU
            )
            asked, failed = asked + seen.requests, failed + seen.failed
        mover.join()
    least = min(mover.returned.values())
    went = ", ".join(f"{kind} {mover.went[kind]}" for kind in Kind)
    return [
        Measure(
            f"failed requests in {TIMES} switches and returns of every strategy under load",
            float(failed + max(0, TIMES - least)),
            "requests",
            f"of {asked:,}; {went}",
            0.0,
        )
    ]
