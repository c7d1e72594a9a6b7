"""One request on its way through a worker, from its last byte to its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from scoring.http import Head
    from scoring.serving import Form
    from scoring.tensors import Block


class Line(Protocol):
    """A client connection: answers leave it in the order of the requests."""

    def ready(self) -> None:
        """Write what can be written: an exchange of this line has its reply."""
        ...


class Exchange:
    """Filled from top to bottom; `target` is a `serving.Target`. Times are `perf_counter` seconds."""

    __slots__ = (
        "arrived",
        "blocks",
        "body",
        "decoded",
        "form",
        "head",
        "key",
        "line",
        "plain",
        "reply",
        "request",
        "rows",
        "target",
        "unit",
    )

    def __init__(self, line: Line, head: Head, body: bytes, arrived: float) -> None:
        self.line = line
        self.head = head
        self.body = body
        self.arrived = arrived
        self.reply: bytes | None = None
        self.target: Any = None
        self.key: object = None
        self.plain = False
        self.form: Form
        self.request: Any
        self.unit: int
        self.blocks: list[Block | None]
        self.rows: int
        self.decoded: float

    def finish(self, reply: bytes) -> None:
        self.reply = reply
        self.line.ready()
