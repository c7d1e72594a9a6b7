"""A Valkey of one test alone, to be killed by it, and what a node says through it."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import redis

from config.local.valkey import arguments
from formats.plan import RoutingPlan
from tests.scoring.nodes import envelope, wait_for

PLAN, FEEDBACK, ACKED, COUNTERS = (
    "assay:production:plan",
    "assay:production:feedback",
    "assay:production:feedback:acked",
    "assay:production:counters",
)


class Valkey:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.path = folder / "valkey.sock"
        self.url = f"unix://{self.path}"
        self.client = redis.Redis(unix_socket_path=str(self.path), decode_responses=True)

    def start(self) -> Valkey:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(arguments(self.folder), stdout=log, stderr=log)
        wait_for(self._answers, "Valkey")
        return self

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self.client.close()

    def publish(self, document: RoutingPlan) -> None:
        self.client.set(PLAN, envelope(document))
        self.client.publish(PLAN, str(document.sequence))

    def heartbeat(self) -> Any:
        text = self.client.get("assay:production:node:n1")
        return text and json.loads(text)

    def batches(self, stream: str) -> list[dict[str, Any]]:
        """What has been shipped, in its order."""
        return [json.loads(fields["batch"]) for _, fields in self.client.xrange(stream)]

    def calls(self, command: str) -> int:
        """How often anybody gave this command."""
        return self.client.info("commandstats")[f"cmdstat_{command}"]["calls"]

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False
