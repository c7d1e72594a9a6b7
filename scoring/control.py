"""What node and workers say to each other: one JSON message a line over a socket pair."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

import msgspec

from formats.evidence import Fact
from formats.plan import Key, PlannedVersion
from scoring.limits import Limits
from scoring.telemetry import Cell


class Setup(msgspec.Struct, tag=True):
    """First word to a worker: who it is. `request_key` is hex, the others are files.

    box, trace  what its node reads after its death (`blackbox`).
    crashes     where a test asks for a crash (`crashpoints`).
    """

    node: str
    slot: int
    request_key: str
    limits: Limits
    box: str
    trace: str
    threads: int = 1
    providers: tuple[str, ...] = ("CPUExecutionProvider",)
    provider_options: dict[str, dict[str, Any]] = {}
    crashes: str | None = None


class Load(msgspec.Struct, tag=True):
    """Load and rehearse a version, as the plan has it. Its files are here, as (path, SHA-256).

    mark     stands for it in the black box
    weights  lie in `folder`, each where the graphs name it
    """

    key: Key
    mark: int
    version: PlannedVersion
    model: tuple[str, str]
    extractor: tuple[str, str] | None = None
    answers: tuple[str, str] | None = None
    folder: str | None = None
    weights: list[tuple[str, str]] = []


class Serve(msgspec.Struct, tag=True):
    """Follow this plan from now on. Every open version in it is loaded here, or `broken`, with a sentence.

    It has the models whose entries are others than before; all others stay as they are, but those that are
    `gone`. Without `callers` it has no tokens, and those who could call before can.
    `fallbacks` are loaded too, and answer clients where a version is broken.
    """

    round: int
    payload: str
    waiting: list[str]
    ready: bool
    broken: list[tuple[Key, str]] = []
    fallbacks: list[Key] = []
    gone: list[str] = []
    callers: bool = True


class Keep(msgspec.Struct, tag=True):
    """Forget all versions but these, each after its last request."""

    keys: list[Key]


class Marked(msgspec.Struct, tag=True):
    """Requests of a version by fingerprint: suspects run alone, blocked ones not at all."""

    key: Key
    suspects: list[int]
    blocked: list[int]


class Listen(msgspec.Struct, tag=True):
    """Accept connections on the sockets of exactly these slots."""

    slots: list[int]


class Drain(msgspec.Struct, tag=True):
    """Take no new connections, answer what is there, then end."""


class Told(msgspec.Struct, tag=True):
    """The node's answer to an `Ask`: an HTTP status, a body and its type."""

    number: int
    status: int
    body: str
    content_type: str


class Ready(msgspec.Struct, tag=True):
    """A version is loaded and gave its reference answers."""

    key: Key
    run_seconds: float


class Failed(msgspec.Struct, tag=True):
    """A version could not be loaded, and why."""

    key: Key
    code: str
    sentence: str


class Following(msgspec.Struct, tag=True):
    """The plan of this round is in force in this worker. `cells` are (model, version, arm) by number: those
    that are new since the round before."""

    round: int
    cells: list[Cell]


class Stats(msgspec.Struct, tag=True):
    """Counters since the worker's start, and its memory. Sent every second; silence means that it hangs.

    `faults` are the requests of each version that failed by its own fault, `ended` the last rows of what
    `meters` has no more.
    """

    meters: dict[str, Any]
    memory_bytes: int
    connections: int
    faults: list[tuple[Key, int]] = []
    ended: list[list[Any]] = []


class Cleared(msgspec.Struct, tag=True):
    """A suspect was run alone, and the worker lived on."""

    key: Key
    fingerprint: int


class Part(msgspec.Struct, array_like=True):
    """One tensor of one request: little-endian bytes in row-major order, a list of str for BYTES."""

    shape: list[int]
    raw: bytes | list[str]


class Sample(msgspec.Struct, array_like=True):
    """One answer. Parts stand in the signature's order; None where a tensor was absent or is left out.

    propensity  the chance with which the unit had this version, where the weights of the id's revision gave
                it here and now
    shadow      it is what a version has answered unheard; the id is of what the client was answered
    """

    model: str
    version: int
    arm: str
    request_id: str
    at_ms: int
    micros: int
    rows: int
    unit: int
    inputs: list[Part | None]
    outputs: list[Part | None]
    propensity: float | None = None
    shadow: bool = False

    def size(self) -> int:
        """Roughly the memory that it takes, in bytes."""
        parts = [part for part in (*self.inputs, *self.outputs) if part is not None]
        raws = [part.raw for part in parts]
        held = sum(len(raw) if isinstance(raw, bytes) else sum(map(len, raw)) for raw in raws)
        return 400 + 100 * len(parts) + held


class Sampled(msgspec.Struct, tag=True):
    """Answers for the prediction log, and how many this worker has dropped since its start."""

    samples: list[Sample]
    dropped: int


class Witnessed(msgspec.Struct, tag=True):
    """What has happened to units of rollouts, by the rollout's id. `lost`: facts without room."""

    facts: list[tuple[int, Fact]]
    lost: dict[int, int] = {}


class Ask(msgspec.Struct, tag=True):
    """A request that only the node can answer: `what` is metrics, statistics or feedback."""

    number: int
    what: str
    items: list[dict[str, Any]] = []


ToWorker = Setup | Load | Serve | Keep | Marked | Listen | Drain | Told
ToNode = Ready | Failed | Following | Stats | Cleared | Sampled | Witnessed | Ask


class Link(asyncio.Protocol):
    """One end of the socket pair. `on_lost` is called once, when the other end is gone."""

    def __init__(
        self, kind: Any, on_message: Callable[[Any], None], on_lost: Callable[[], None] = lambda: None
    ) -> None:
        self._decode = msgspec.json.Decoder(kind).decode
        self._encode = msgspec.json.Encoder().encode
        self._on_message = on_message
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if b"\n" not in data:
            return
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            self._on_message(self._decode(line))

    def send(self, message: Any) -> None:
        """Send a message; silently not, once the other end is gone: `on_lost` has said so."""
        if self._transport is not None:
            self._transport.write(self._encode(message) + b"\n")

    def backlog(self) -> int:
        """Bytes that the other end has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def connect(link: Link, end: socket.socket) -> None:
    """Attach a link to its end of the pair."""
    end.setblocking(False)
    await asyncio.get_running_loop().create_connection(lambda: link, sock=end)
