"""One request on its way through a worker, from its last byte to its answer, and whom it meets there."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from formats.dtypes import Array
from formats.plan import PlannedToken, PlannedVersion
from formats.types import Signature
from scoring.errors import ScoringError
from scoring.protocols.inputs import InputReader
from scoring.protocols.layouts import Layout
from scoring.protocols.mlflow import Invocation
from scoring.protocols.oip_answers import Chosen, Sheets
from scoring.protocols.oip_json import InferRequest
from scoring.protocols.simple import ScoreRequest
from scoring.protocols.written import Written
from scoring.request_ids import Issuer
from scoring.telemetry import Meter
from scoring.tensors import Block
from scoring.worker.cache import AnswerCache, Remembered
from scoring.worker.http import Head


class Line(Protocol):
    """A client connection: answers leave it in the order of the requests."""

    def ready(self) -> None:
        """Write what can be written: an exchange of this line has its reply."""
        ...


class Exchange:
    """Filled from top to bottom. Times are `perf_counter` seconds.

    opening  the request's beginning, where it is known from an earlier request.
    request  what its form has read: an `InferRequest` with its binary `tail`; others have theirs in `simple`
             or `table`.
    chosen   the outputs that an answer of the Open Inference Protocol is to have; else empty.
    logged   the id under which the answer is kept in the prediction log; else empty.
    asked    the request as a key of its version's cache, where that is on.
    named    the client's own id as a member of that answer.
    outside  a value beyond an input's limits that was let pass, in words; else empty.
    pair     of a mirrored one alone: who hears what becomes of it.
    assigned the line in the answer's head by which the client may keep its arm, under a bandit; else empty.
    """

    __slots__ = (
        "arrived",
        "asked",
        "assigned",
        "blocks",
        "body",
        "chosen",
        "decoded",
        "form",
        "head",
        "key",
        "line",
        "logged",
        "named",
        "opening",
        "outside",
        "pair",
        "reply",
        "request",
        "rows",
        "simple",
        "table",
        "tail",
        "target",
        "unit",
    )

    def __init__(self, line: Line, head: Head[Route], body: bytes, arrived: float) -> None:
        self.line = line
        self.head = head
        self.body = body
        self.arrived = arrived
        self.reply: bytes | None = None
        self.key: object = None
        self.asked: Hashable = None
        self.opening: bytes | None = None
        self.named = b""
        self.outside = ""
        self.assigned = self.logged = b""
        self.chosen: Chosen = ()
        self.form: Form
        self.request: InferRequest
        self.tail: memoryview | None
        self.simple: ScoreRequest
        self.table: Invocation
        self.unit: int
        self.target: Target
        self.pair: Hears | None
        self.blocks: list[Block | None]
        self.rows: int
        self.decoded: float

    def finish(self, reply: bytes) -> None:
        """Answer with `reply`, of which HEAD gets the head: more would be read as the next answer."""
        self.reply = reply if self.head.method != b"HEAD" else reply[: reply.index(b"\r\n\r\n") + 4]
        self.line.ready()


class Form(Protocol):
    """One protocol: request and tensors in, answer out."""

    def parse(self, exchange: Exchange) -> str | None:
        """Look at a request before its version is known; the unit that it names. Raises BadRequest."""
        ...

    def take(self, exchange: Exchange, version: Version) -> None:
        """Set `exchange.blocks`, `.rows` and `.key`, and how it wants its answer. Raises BadTensor."""
        ...

    def write(self, exchange: Exchange, arrays: Sequence[Array], request_id: bytes) -> Written: ...


class Measurer(Protocol):
    """What says which requests may run together."""

    batching: bool

    def measure(self, exchange: Exchange) -> None: ...


class Limit(Protocol):
    """What holds requests to the values that a signature allows."""

    def hold(self, exchange: Exchange, meter: Meter) -> None: ...


class Queue(Protocol):
    """Where requests of a version wait."""

    def check_room(self) -> None: ...


class Answers(Protocol):
    """What writes a version's answers, and gives again those that it remembers."""

    cache: AnswerCache

    def recall(self, exchange: Exchange, found: Remembered) -> None: ...


class Version(Protocol):
    """A loaded version, as far as requests and routing know it."""

    @property
    def number(self) -> int: ...
    @property
    def told(self) -> int: ...
    @property
    def signature(self) -> Signature: ...
    @property
    def reader(self) -> InputReader: ...
    @property
    def layouts(self) -> dict[bytes, Layout]: ...
    @property
    def batcher(self) -> Measurer: ...
    @property
    def allowed(self) -> Limit | None: ...
    @property
    def lane(self) -> Queue: ...
    @property
    def replies(self) -> Answers: ...
    @property
    def sheets(self) -> Sheets: ...

    def put(self, exchange: Exchange) -> None: ...

    def mirror(self, exchange: Exchange) -> None:
        """Ask in the background. Raises Overloaded when too many wait."""
        ...

    def overheard(self, exchange: Exchange, arrays: Sequence[Array], now: float) -> None:
        """What it has answered unheard, to a request whose answer to the client is kept in the log."""
        ...

    def follow(self, planned: PlannedVersion) -> None:
        """Be served from now on as the plan says: what is remembered, what is kept of the answers."""
        ...


class Witness(Protocol):
    """Whom a rollout's evidence comes from: it hears what became of each request that an arm was asked.

    pairs  whether it looks at the outputs
    """

    pairs: bool

    def answered(self, exchange: Exchange, now: float, arrays: Sequence[Array] | None) -> None:
        """`arrays` is None where the answer was given before, and empty where nobody looks at them."""
        ...

    def failed(self, exchange: Exchange, error: ScoringError) -> None: ...

    def of_revision(self, revision: int) -> Witness:
        """The same of units whose arm an earlier revision gave."""
        ...

    def in_context(self, context: int, *, chosen: bool) -> Witness:
        """The same of units whose requests are of a context; `chosen`: and whose arm follows from that."""
        ...


class Hears(Protocol):
    """Who waits for what a version makes of a request that nobody else hears of."""

    def heard(self, version: int, arrays: Sequence[Array] | None, error: ScoringError | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """One arm of a model under one revision (or a version called by name), ready to answer.

    `chance` is with which a unit (its 64 bits) has it by the weights, where they are why it answers;
    `witness` is there while the model's versions are compared; `told` where a worker's death would be
    evidence about the units that it was being asked for.
    """

    model: str
    version: Version
    issuer: Issuer
    meter: Meter
    cell: int = 0
    arm: str = ""
    chance: Callable[[int], float] | None = None
    witness: Witness | None = None
    told: bool = False


class Mirror(NamedTuple):
    """A shadow of an arm. `alike`: it takes the same tensors, so they need not be read again."""

    target: Target
    alike: bool


class Keeps(Protocol):
    """Who answers under a bandit, where units may keep what they have, or where it is what they ask that
    decides."""

    def target(self, exchange: Exchange, *, named: bool) -> Target:
        """`named`: whether the client named the exchange's unit."""
        ...


class Way(Protocol):
    """Where a scoring path leads."""

    form: Form
    mirrors: Sequence[Mirror]
    keeping: Keeps | None

    def place(self, unit: str) -> int:
        """The 64 bits of a unit that somebody named."""
        ...

    def target(self, place: int, *, internal: bool) -> Target:
        """Who answers. `internal` calls are counted apart, and their ids earn no reward."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """Where a head leads and who calls, under one plan (`picture`, by identity): settled once, as long as
    that plan is served."""

    picture: object
    way: Way
    token: PlannedToken
