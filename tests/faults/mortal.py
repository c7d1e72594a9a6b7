"""A scoring node that dies where a test says."""

from __future__ import annotations

import json
from pathlib import Path

from formats import shares
from formats.plan import WHOLE, Arm
from formats.shares import Shares, shares_path
from scoring.node.files import write_atomically
from tests.scoring import models
from tests.scoring.load import Load
from tests.scoring.nodes import Node, Store, model, wait_for
from tests.servers import free_port


class Mortal(Node):
    """A node that serves `m` in versions 1, 2, …: version n answers n, whatever it is asked."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.crash = folder / "crash"
        extra = ("--crashpoint-file", str(self.crash), "--port", str(free_port()))
        super().__init__(folder, store, extra=extra)
        self.store, self.number, self.revision = store, 0, 0

    def version(self, number: int):
        return self.store.version(number, models.constant(float(number)))

    def release(self) -> int:
        """Publish the next version beside the last one, for all traffic; the revision."""
        self.number += 1
        return self.route(self.number, self.number - 1)

    def prepare(self) -> None:
        """Have the next version loaded beside the one that has all traffic."""
        self.wait_revision("m", self.route(self.number, self.number + 1))

    def route(self, champion: int, other: int) -> int:
        self.revision += 1
        known = [self.version(number) for number in (champion, other) if number]
        self.publish({"m": model(self.revision, known)})
        return self.revision

    def reshare(self, champion: int) -> int:
        """Give all traffic to another version that is open; the revision."""
        self.revision += 1
        self.sequence += 1
        arms = (Arm(champion, WHOLE, "bandit:1"),)
        said = Shares("production", "", self.sequence, "m", self.revision, self.revision - 1, arms)
        envelope = json.dumps({"payload": shares.serialise(said)}).encode()
        write_atomically(self.shares_path, envelope, durable=False)
        return self.revision

    @property
    def shares_path(self) -> Path:
        return shares_path(self.plan_path)

    def dies_at(self, name: str) -> None:
        self.crash.write_text(name)

    def has_died(self) -> None:
        wait_for(lambda: not self.crash.exists(), "the crash point to be reached")

    def is_gone(self) -> None:
        self.has_died()
        wait_for(self.ended, "the node's end")

    def left_over(self) -> list[str]:
        cache = self.data / "artifacts"
        return [path.name for path in (*cache.glob("incoming-*"), *self.data.glob(".*"))]


def versions(load: Load) -> set[str]:
    return {each.version for each in load.seen}


def wrong(load: Load) -> list[str]:
    """Answers that are not those of the version that they name."""
    return [each.version for each in load.seen if each.value != float(each.version)]
