"""Client applications: rows in, answers out, and a load that counts every answer."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypedDict
from urllib.parse import urlsplit

import httpx
import numpy as np

from demo.lab import Floats, Labels


@dataclass(slots=True)
class Tally:
    """What a client saw. Latencies in seconds; `switches` is (seconds, version) whenever it changed."""

    answered: int = 0
    failed: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    versions: Counter[int] = field(default_factory=Counter)
    last_seen: dict[int, float] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    right: int = 0

    def add(self, other: Tally) -> None:
        self.answered += other.answered
        self.failed += other.failed
        self.latencies += other.latencies
        self.versions.update(other.versions)
        self.last_seen |= {v: max(at, self.last_seen.get(v, 0)) for v, at in other.last_seen.items()}


def score(url: str, token: str, model: str, rows: Floats, targets: Labels, input_name: str) -> Tally:
    """Score row by row over `POST /score/{model}`, and count the labels that are right."""
    tally = Tally()
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
        for number, (row, target) in enumerate(zip(rows, targets, strict=True)):
            body = {"inputs": {input_name: [row.tolist()]}, "unit": f"user-{number}"}
            started = time.perf_counter()
            answer = client.post(f"/score/{model}", json=body)
            tally.latencies.append(time.perf_counter() - started)
            if answer.status_code != 200:
                tally.failed.append(f"{answer.status_code} {answer.text[:200]}")
                continue
            said = answer.json()
            tally.answered += 1
            tally.versions[int(said["version"])] += 1
            tally.ids.append(said["request_id"])
            tally.right += int(said["outputs"]["label"][0] == int(target))
    return tally


def infer(url: str, token: str, model: str, rows: Floats, input_name: str) -> tuple[str, Labels, float]:
    """One batch over the Open Inference Protocol: (which client, labels, seconds)."""
    try:
        return _with_triton(url, token, model, rows, input_name)
    except ImportError:
        body = {
            "inputs": [
                {
                    "name": input_name,
                    "datatype": "FP32",
                    "shape": list(rows.shape),
                    "data": rows.ravel().tolist(),
                }
            ]
        }
        headers = {"Authorization": f"Bearer {token}"}
        started = time.perf_counter()
        answer = httpx.post(f"{url}/v2/models/{model}/infer", json=body, headers=headers, trust_env=False)
        answer.raise_for_status()
        seconds = time.perf_counter() - started
        outputs = {output["name"]: output for output in answer.json()["outputs"]}
        return "plain JSON", np.array(outputs["label"]["data"]), seconds


def _with_triton(
    url: str, token: str, model: str, rows: Floats, input_name: str
) -> tuple[str, Labels, float]:
    from tritonclient import http as triton  # a foreign client, only where it is installed

    client = triton.InferenceServerClient(urlsplit(url).netloc)
    tensor = triton.InferInput(input_name, list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows)
    started = time.perf_counter()
    answer = client.infer(model, [tensor], headers={"Authorization": f"Bearer {token}"})
    seconds = time.perf_counter() - started
    labels: Labels = answer.as_numpy("label")
    client.close()
    return "tritonclient, unmodified", labels, seconds


Ask = Callable[[int], Mapping[str, object]]
"""The body of a request, by a number that no other request has."""


class Said(TypedDict):
    """An answer to a request: each output of its one row, and the version that gave it."""

    outputs: Mapping[str, Sequence[float]]
    version: int
    request_id: str


Judge = Callable[[int, Said], float]
"""What an answer was worth to whoever asked, by the number of the request."""
JUDGED_AT_ONCE = 200
"""Labels of one call, well below the 1,000 that the API takes."""


class Load:
    """Clients that score without a pause on connections they keep, each one request at a time."""

    def __init__(
        self, url: str, token: str, model: str, ask: Ask, clients: int = 4, judge: Judge | None = None
    ) -> None:
        self._address = urlsplit(url)
        self._path = f"/score/{model}"
        self._ask = ask
        self._numbers = count()
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._clients = clients
        self._stop = threading.Event()
        self._judge = judge
        self.tally = Tally()
        self._lock = threading.Lock()

    @contextmanager
    def running(self, pause_s: float = 0.002) -> Iterator[Load]:
        """The load while the block runs; afterwards `tally` is complete."""
        threads = [threading.Thread(target=self._client, args=(pause_s,)) for _ in range(self._clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _client(self, pause_s: float) -> None:
        tally, judged = Tally(), list[dict[str, object]]()
        connection = http.client.HTTPConnection(str(self._address.hostname), self._address.port, timeout=10)
        while not self._stop.wait(pause_s):
            judged += self._once(connection, tally)
            if len(judged) >= JUDGED_AT_ONCE:
                self._tell(connection, tally, judged)
                judged = []
        connection.close()
        with self._lock:
            self.tally.add(tally)

    def _once(self, connection: http.client.HTTPConnection, tally: Tally) -> list[dict[str, object]]:
        """Ask once; what whoever asked makes of the answer, where somebody judges."""
        number, started = next(self._numbers), time.perf_counter()
        said = self._post(connection, tally, self._path, self._ask(number), 200)
        if said is None:
            return []
        tally.latencies.append(time.perf_counter() - started)
        version = int(said["version"])
        tally.answered += 1
        tally.versions[version] += 1
        tally.last_seen[version] = time.monotonic()
        if self._judge is None:
            return []
        return [{"request_id": said["request_id"], "reward": self._judge(number, said)}]

    def _tell(
        self, connection: http.client.HTTPConnection, tally: Tally, judged: list[dict[str, object]]
    ) -> None:
        self._post(connection, tally, "/feedback", judged, 202)

    def _post(
        self, connection: http.client.HTTPConnection, tally: Tally, path: str, body: object, wanted: int
    ) -> Any:
        """The JSON of the answer; None where it failed, which is counted."""
        try:
            connection.request("POST", path, json.dumps(body), self._headers)
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            tally.failed.append(f"{type(error).__name__}: {error}")
            connection.close()
            return None
        if answer.status != wanted:
            tally.failed.append(f"{answer.status} {said[:200]!r}")
            return None
        return json.loads(said)
