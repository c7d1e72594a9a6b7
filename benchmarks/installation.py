"""An Assay with a data folder of its own and its web server: what takes uploads, as the product starts it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from benchmarks.closed_loop import BadAnswer
from benchmarks.servers import ROOT, Server, free_port, pss_mb
from config.local import valkey
from config.serving import probes

TOKEN = "assay_beefcafe_opens-nothing-but-the-benchmark"  # noqa: S105 - opens nothing but the benchmark
_CHUNK = 1 << 20
_BOUNDARY = "assay-bench-boundary-9f1c"
_ANSWER_SECONDS = 300.0


class Installation(Server):
    """`manage.py serve web` on a free port, SQLite, its own Valkey; nothing is pinned.

    One worker, so that whoever has uploaded before has warmed up the one that takes the next upload.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self._settings = _settings(self.data, free_port(), settings or {})
        self._manage("prepare")
        self._manage("shell", "-c", "from demo.seeding import seed; seed()")
        with (folder / "valkey.log").open("wb") as log:
            self._broker = subprocess.Popen(valkey.arguments(self.data), stdout=log, stderr=log)
        try:
            super().__init__(
                [sys.executable, "manage.py", "serve", "web"],
                int(self._settings["ASSAY_WEB_PORT"]),
                [],
                folder / "web.log",
                settings=self._settings,
                pinned=False,
            )
        except BaseException:
            self._end_broker()
            raise

    def __enter__(self) -> Self:
        return self

    def stop(self) -> None:
        super().stop()
        self._end_broker()

    def memory_mb(self) -> float:
        """PSS of the web server's own processes: what they started to look at files is not theirs."""
        return sum(map(pss_mb, self._own()))

    def call(self, path: str, body: Mapping[str, object]) -> None:
        """One JSON call of the API. Raises BadAnswer unless it made something."""
        content = json.dumps(body).encode()
        with _connected(self.port) as connection:
            connection.sendall(_head(path, "application/json", len(content)) + content)
            _answer(connection)

    def upload(self, model: str, manifest: Mapping[str, object], files: Mapping[str, Path]) -> float:
        """Seconds from the first byte sent until 201 has come. Raises BadAnswer for anything else.

        The files go from the page cache into the socket inside the kernel: no client can be cheaper.
        """
        pieces: list[bytes | Path] = [*_part("manifest", "model.yaml"), json.dumps(manifest).encode()]
        for key, path in files.items():
            pieces += [b"\r\n", *_part(key, path.name), path]
        pieces.append(f"\r\n--{_BOUNDARY}--\r\n".encode())
        length = sum(piece.stat().st_size if isinstance(piece, Path) else len(piece) for piece in pieces)
        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        with _connected(self.port) as connection:
            began = time.perf_counter()
            connection.sendall(_head(f"/api/v1/models/{model}/versions", kind, length))
            for piece in pieces:
                if isinstance(piece, Path):
                    with piece.open("rb") as stream:
                        connection.sendfile(stream)
                else:
                    connection.sendall(piece)
            _answer(connection)
            return time.perf_counter() - began

    def _own(self) -> list[int]:
        words = {pid: _words(pid) for pid in self.pids()}
        ours = (b"config.serving.web", b"multiprocessing")
        return [pid for pid, line in words.items() if any(word in line for word in ours)]

    def _manage(self, *words: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env={**os.environ, **self._settings},
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def _probe(self, ready: object) -> None:
        if not probes.answers_http("127.0.0.1", self.port, "/healthz"):
            raise BadAnswer("/healthz does not answer")

    def _end_broker(self) -> None:
        self._broker.terminate()
        self._broker.wait(10)


def _settings(data: Path, port: int, more: Mapping[str, str]) -> dict[str, str]:
    own = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"sqlite:///{data / 'assay.sqlite3'}",
        "REDIS_URL": f"unix://{data / 'valkey.sock'}",
        "ASSAY_DATA_DIR": str(data),
        "ASSAY_STORE": f"file:{data / 'artifacts'}",
        "ASSAY_WEB_PORT": str(port),
        "ASSAY_WEB_WORKERS": "1",
        "ASSAY_DEMO_TOKEN": TOKEN,
    }
    if not shutil.which("bwrap"):
        own["ASSAY_ALLOW_UNISOLATED"] = "true"
    return {**own, **more}


def _words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _head(path: str, kind: str, length: int) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {TOKEN}",
        f"Content-Type: {kind}",
        f"Content-Length: {length}",
        "Connection: close",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _part(key: str, name: str) -> list[bytes | Path]:
    fields = f'Content-Disposition: form-data; name="{key}"; filename="{name}"'
    return [f"--{_BOUNDARY}\r\n{fields}\r\nContent-Type: application/octet-stream\r\n\r\n".encode()]


def _answer(connection: socket.socket) -> None:
    """Wait for the end of the answer. Raises BadAnswer unless it is 201."""
    said = b""
    while piece := connection.recv(_CHUNK):
        said += piece
    if not said.startswith(b"HTTP/1.1 201"):
        raise BadAnswer(f"not a 201: {said[:1000].decode(errors='replace')}")
