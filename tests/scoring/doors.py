"""A gRPC process in front of a node, for tests."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from formats.plan import PlannedVersion
from tests.scoring.nodes import ROOT, Node, Store, model, wait_for


class GrpcDoor:
    """`python -m scoring.grpc` on a port of its own."""

    def __init__(self, folder: Path, node: str, *extra: str, port: int = 0) -> None:
        self.log = folder / "grpc.log"
        self.command = [
            *(sys.executable, "-m", "scoring.grpc", "--node", node, "--port", str(port)),
            *extra,
        ]
        self.port = 0

    def start(self) -> GrpcDoor:
        self.log.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, stderr=log)
        try:
            wait_for(lambda: self._listening() or self.process.poll() is not None, "the gRPC port")
            assert self.port, self.log.read_text()
        except AssertionError:
            self.stop()
            raise
        return self

    def _listening(self) -> bool:
        found = re.search(r"listens on \S+:(\d+)", self.log.read_text())
        self.port = int(found[1]) if found else 0
        return bool(found)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


@contextmanager
def served(
    folder: Path, store: Store, versions: Mapping[str, PlannedVersion]
) -> Iterator[tuple[Node, GrpcDoor]]:
    """A node of one worker with a model for each version, and the gRPC process in front of it."""
    node = Node(folder, store, workers=1, name=folder.name).start()
    door = None
    try:
        node.serve({name: model(1, [version]) for name, version in versions.items()})
        door = GrpcDoor(folder, f"http://127.0.0.1:{node.port}").start()
        yield node, door
    finally:
        if door is not None:
            door.stop()
        node.stop()
