"""One request on its way through a worker, from its last byte to its answer."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from scoring.protocols.oip_answers import Chosen
    from scoring.tensors import Block
    from scoring.worker.http import Head
    from scoring.worker.serving import Form


class Line(Protocol):
    """A client connection: answers leave it in the order of the requests."""

    def ready(self) -> None:
        """Write what can be written: an exchange of this line has its reply."""
        ...


class Exchange:
    """Filled from top to bottom; `target` is a `serving.Target`. Times are `perf_counter` seconds.

    opening  the request's beginning, where it is known from an earlier request.
    chosen   the outputs that an answer of the Open Inference Protocol is to have; else empty.
    asked    the request as a key of its version's cache, where that is on.
    named    the client's own id as a member of that answer.
    outside  a value beyond an input's limits that was let pass, in words; else empty.
    """

    __slots__ = (
        "arrived",
        "asked",
        "blocks",
        "body",
        "chosen",
        "decoded",
        "form",
        "head",
        "key",
        "line",
        "named",
        "opening",
        "outside",
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
        self.asked: Hashable = None
        self.opening: bytes | None = None
        self.named = b""
        self.outside = ""
        self.chosen: Chosen = ()
        self.form: Form
        self.request: Any
        self.unit: int
        self.blocks: list[Block | None]
        self.rows: int
        self.decoded: float

    def finish(self, reply: bytes) -> None:
        """Answer with `reply`, of which HEAD gets the head: more would be read as the next answer."""
        self.reply = reply if self.head.method != b"HEAD" else reply[: reply.index(b"\r\n\r\n") + 4]
        self.line.ready()
