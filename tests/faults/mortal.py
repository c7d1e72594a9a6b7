"""A scoring node that dies where a test says."""

from __future__ import annotations

from pathlib import Path

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
