"""A node that tells of a rollout's units over a real Valkey, and what it told."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

from formats.evidence import Fact
from formats.plan import PlannedRollout, PlannedToken
from scoring.routing import splitter, unit_hasher
from tests.scoring import models
from tests.scoring.nodes import Node, arms, model, plan, token, wait_for
from tests.scoring.valkey import COUNTERS

UNITS = [f"user-{number}" for number in range(30)]
PLACES = {unit: unit_hasher(b"salt")(unit) for unit in UNITS}
HALVES = arms((2, 0.5), (1, 0.5))


@dataclass
class Told:
    """A node in front of a Valkey. `stop` ends it and says what it told."""

    node: Node
    valkey: Any

    def serve(self, entry, tokens: list[PlannedToken] | None = None) -> None:
        self.valkey.publish(plan(1, {"m": entry}, [token(), *(tokens or [])]))
        wait_for(self._follows, "the plan")

    def _follows(self) -> bool:
        facts = self.valkey.heartbeat()
        return bool(facts) and facts["models"].get("m", {}).get("revision") == 1 and self.node.all_joined()

    def ask(self, unit: str, data: Any = (1.0, 2.0), times: int = 1, status: int = 200) -> None:
        """Each time over a connection of its own, so that every worker is met."""
        for _ in range(times):
            with closing(self.node.client()) as client:
                assert client.infer("m", data, parameters={"unit": unit})[0] == status

    def stop(self) -> list[Fact]:
        self.node.stop()
        # What nobody has acknowledged is sent again, under its number.
        flushes = {flush["sequence"]: flush for flush in self.valkey.batches(COUNTERS)}
        said = [flush["rollouts"] for flush in flushes.values()]
        assert said
        assert all(set(each) == {"7"} for each in said)
        return [Fact(*fact) for each in said for fact in each["7"].get("facts", ())]


def compared(
    store, first=None, second=None, *, split=HALVES, serving=None, mirrors=(), fallback=None, **rollout
):
    """Version 1 is the baseline, 2 its challenger."""
    more = {"serving": serving} if serving else {}
    versions = [
        store.version(1, first or models.constant(1.0), **more),
        store.version(2, second or models.constant(2.0), **more),
    ]
    told = PlannedRollout(**{"id": 7, "baseline": 1, "challengers": (2,), **rollout})
    return model(1, versions, split, mirrors=mirrors, fallback=fallback, rollout=told)


def version_of(unit: str) -> int:
    return HALVES[splitter(HALVES)(PLACES[unit])].version
