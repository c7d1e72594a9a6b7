"""The whole product, started as a person starts it, for journeys, faults and browser tests."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import Servers, free_port, wait_until

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class LiveTree:
    """A running Assay: where its faces are, and its processes by name."""

    web: str
    scoring: str
    grpc: str
    data: Path
    environment: dict[str, str]
    supervisor: int

    def pids(self) -> dict[str, int]:
        """valkey, web, control, proving, scoring, grpc -> the process that the supervisor started last."""
        return json.loads((self.data / "processes.json").read_text())

    def kill(self, name: str) -> None:
        """kill -9, and wait until the supervisor has put another one in its place."""
        before = self.pids()[name]
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: self.pids().get(name, before) != before, f"{name} to come back")

    def manage(self, *arguments: str) -> str:
        """What `python manage.py …` prints with the tree's own settings."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    def logs(self) -> str:
        """The last lines of every process, for the message of a failing test."""
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-15:])
            for path in sorted((self.data / "logs").glob("*.log"))
        )


@dataclass(frozen=True)
class Demo:
    """What the demo printed and how it ended, the log-in of its people and its CI's token."""

    tree: LiveTree
    told: str
    code: int
    password: str
    token: str


def play_demo(tree: LiveTree) -> Demo:
    """`make demo` in a tree that runs already."""
    command = [sys.executable, "manage.py", "demo", "--once"]
    ended = subprocess.run(command, cwd=ROOT, env=tree.environment, capture_output=True, text=True)
    kept = json.loads((tree.data / "demo" / "credentials.json").read_text())
    return Demo(tree, f"{ended.stdout}\n{ended.stderr}", ended.returncode, kept["password"], kept["token"])


def redis_and_s3(servers: Servers) -> dict[str, str]:
    """The settings that put a Redis and an S3 in the place of what the product brings along."""
    s3 = servers.s3()
    return {
        "REDIS_URL": servers.redis_url(),
        "ASSAY_STORE": f"s3://assay-{os.getpid()}/artifacts",
        "S3_ENDPOINT_URL": s3.url,
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@contextmanager
def running(**settings: str) -> Iterator[LiveTree]:
    """`python manage.py up` on free ports in a fresh folder; the settings are environment variables."""
    data = Path(tempfile.mkdtemp(prefix="assay-"))
    web, scoring, grpc = free_port(), free_port(), free_port()
    own = {"ASSAY_DATA_DIR": str(data), "ASSAY_WEB_PORT": str(web), "ASSAY_SCORING_PORT": str(scoring)}
    own["ASSAY_GRPC_PORT"] = str(grpc)
    if not shutil.which("bwrap"):
        own["ASSAY_ALLOW_UNISOLATED"] = "true"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    environment = {**inherited, "DJANGO_SETTINGS_MODULE": "config.settings", **own, **settings}
    with (data / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    addresses = f"http://127.0.0.1:{web}", f"http://127.0.0.1:{scoring}", f"127.0.0.1:{grpc}"
    tree = LiveTree(*addresses, data, environment, process.pid)
    try:
        said = data / "up.log"
        wait_until(lambda: "is ready" in said.read_text() or process.poll() is not None, "Assay", 120)
        assert process.poll() is None, said.read_text() + tree.logs()
        yield tree
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        finally:
            process.kill()
            shutil.rmtree(data, ignore_errors=True)
