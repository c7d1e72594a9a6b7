"""Clients that keep asking, and remember every answer."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field

from tests.scoring.nodes import TOKEN, Node


@dataclass
class Seen:
    """One answer: when it was asked and given (monotonic), by which version, from which worker."""

    asked: float
    answered: float
    status: int
    version: str
    value: float
    worker: str


@dataclass
class Load:
    """`clients` keep-alive connections, each asking one after the other, until `stop`.

    A connection that the server closed between two requests is opened again, as any client does;
    a request that was sent and not answered is a failure, and is `lost` when the same request on a
    fresh connection, which follows at once, fails too. `spread` lays the connections evenly on
    two workers; the kernel alone may give all of them to one. `varied` asks something else each time,
    with `pause_s` between an answer and the next question.
    """

    node: Node
    name: str
    clients: int = 4
    spread: bool = False
    varied: bool = False
    pause_s: float = 0.0
    seen: list[Seen] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    reconnects: int = 0

    def __enter__(self) -> Load:
        self._stopped = threading.Event()
        self._connected = threading.Barrier(self.clients + 1, timeout=60)
        port = self.node.port
        self._threads = [threading.Thread(target=self._run, args=(port, n)) for n in range(self.clients)]
        for thread in self._threads:
            thread.start()
        self._connected.wait()  # so that what is done to the node meets nobody who looks for it
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self, port: int, number: int) -> None:
        body = _body(1, 2)
        connection = self._connect(port, f"{self.node.name}/{number % 2}" if self.spread else None)
        self._connected.wait()
        failed = False
        asking = 0
        while not self._stopped.wait(self.pause_s):
            if self.varied and not failed:
                asking += 1
                body = _body(number, asking)
            asked = time.monotonic()
            try:
                connection.request(
                    "POST", f"/v2/models/{self.name}/infer", body, {"Authorization": f"Bearer {TOKEN}"}
                )
                answer = connection.getresponse()
                document = json.loads(answer.read())
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                if failed:
                    self.lost.append(self.failures[-1])
                failed = True
                connection.close()
                self.reconnects += 1
                continue
            failed = False
            self._note(asked, answer, document)
        connection.close()

    def _connect(self, port: int, worker: str | None) -> http.client.HTTPConnection:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            if worker is None:
                return connection
            connection.request("GET", "/v2/health/live")
            answer = connection.getresponse()
            answer.read()
            if answer.headers["X-Assay-Worker"] == worker:
                return connection
            connection.close()

    def _note(self, asked, answer, document) -> None:
        if answer.status != 200:
            self.failures.append(f"{answer.status} {document}")
            return
        self.seen.append(
            Seen(
                asked,
                time.monotonic(),
                answer.status,
                document["model_version"],
                document["outputs"][0]["data"][0],
                answer.headers["X-Assay-Worker"],
            )
        )


def _body(*row: int) -> str:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, len(row)], "data": row}
    return json.dumps({"inputs": [tensor]})
