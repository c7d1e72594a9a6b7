"""What only the node can answer to a worker's clients: its counters, and that feedback is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import time

import orjson

from scoring.control import Ask, Told
from scoring.errors import BeyondRange, NotReady
from scoring.limits import Limits
from scoring.protocols import feedback
from scoring.protocols.feedback import Ranges
from scoring.worker.exchange import Exchange
from scoring.worker.http import answer


class Asking:
    """Hands requests to the node by `send`, and its answers to the clients. `key` signed the request ids."""

    def __init__(self, send: Callable[[Ask], None], *, worker: bytes, key: bytes, limits: Limits) -> None:
        self._send = send
        self._worker = worker
        self._key = key
        self._limits = limits
        self._asked: dict[int, tuple[Exchange, Sequence[dict[str, str]]]] = {}
        self._count = 0

    def metrics(self, exchange: Exchange) -> None:
        """Raises NotReady while too much waits for the node already."""
        self._ask(exchange, "metrics", [], [])

    def statistics(self, exchange: Exchange, versions: Iterable[tuple[str, int]]) -> None:
        """What was counted of these versions over all workers. Raises NotReady as above."""
        self._ask(exchange, "statistics", [{"name": name, "version": n} for name, n in versions], [])

    def feedback(self, exchange: Exchange, ranges: Ranges) -> None:
        """Have the node store what may count. Raises BadRequest, BeyondRange, and NotReady as above."""
        judged = feedback.judge(
            feedback.read(exchange.body, self._limits.feedback_items),
            key=self._key,
            now=time(),
            window=self._limits.reward_window_seconds,
            ranges=ranges,
        )
        if judged.beyond and judged.beyond == len(judged.statuses):
            raise BeyondRange(judged.statuses[0]["reason"])
        if judged.accepted:
            self._ask(exchange, "feedback", judged.accepted, judged.statuses)
        else:
            self._finish(exchange, 202, orjson.dumps({"items": judged.statuses}))

    def told(self, told: Told) -> None:
        """The node has answered."""
        exchange, statuses = self._asked.pop(told.number)
        body = told.body.encode() if told.status != 202 else orjson.dumps({"items": statuses})
        self._finish(exchange, told.status, body, told.content_type.encode())

    def _ask(
        self, exchange: Exchange, what: str, items: list[dict[str, object]], statuses: list[dict[str, str]]
    ) -> None:
        if len(self._asked) >= self._limits.queue:
            raise NotReady("the node process is busy: come again in a second")
        self._count += 1
        self._asked[self._count] = (exchange, statuses)
        self._send(Ask(self._count, what, items))

    def _finish(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes = b"application/json"
    ) -> None:
        keep_alive = exchange.head.keep_alive
        exchange.finish(
            answer(status, body, worker=self._worker, keep_alive=keep_alive, content_type=content_type)
        )
