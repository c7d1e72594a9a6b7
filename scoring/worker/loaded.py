"""Loaded versions: a version of the runtime with all that requests meet on their way to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from formats.dtypes import Array
from formats.plan import PlannedVersion
from formats.types import Signature
from scoring.protocols.inputs import InputReader
from scoring.protocols.layouts import Layout
from scoring.protocols.oip_answers import Answering, Sheets
from scoring.runtime.onnx import Options
from scoring.runtime.version import Files, load_version
from scoring.worker.allowed import Allowed, allowed
from scoring.worker.batching import Batcher, Ran
from scoring.worker.exchange import Exchange
from scoring.worker.lanes import Lane, Workshop
from scoring.worker.mirrors import Mirrors
from scoring.worker.replies import Replies
from scoring.worker.samples import Sampler


@dataclass(frozen=True, slots=True)
class Order:
    """What to load, and from which files. `mark` stands for the version in the black box."""

    model: str
    version: PlannedVersion
    files: Files
    mark: int = 0


@dataclass(frozen=True, slots=True)
class Shops:
    """Where versions run: for clients, and for the mirrors, whose runs never come into the loop."""

    clients: Workshop
    mirrors: Workshop
    mirroring: Mirrors


@dataclass(slots=True)
class Loaded:
    """A version that answers. Held by the plans that name it and by its own last requests. `told` is the
    number that clients are told."""

    order: Order
    number: int
    told: int
    signature: Signature
    reader: InputReader
    batcher: Batcher
    lane: Lane
    shadow: Lane
    sheets: Sheets
    replies: Replies
    run_seconds: float
    sampler: Sampler
    allowed: Allowed | None = None
    layouts: dict[bytes, Layout] = field(default_factory=dict)

    def put(self, exchange: Exchange) -> None:
        self.lane.put(exchange)

    def mirror(self, exchange: Exchange) -> None:
        """Ask in the background. Raises Overloaded when too many wait."""
        self.shadow.check_room()
        self.shadow.put(exchange)

    def overheard(self, exchange: Exchange, arrays: Sequence[Array], now: float) -> None:
        self.sampler.overhear(exchange, arrays, now)

    def follow(self, planned: PlannedVersion) -> None:
        """Be served from now on as the plan says."""
        self.sampler.follow(planned.serving.log_share, planned.signature)
        self.replies.cache.resize(planned.serving.cache_bytes)

    def mark(self, marked: dict[int, bool]) -> None:
        """Which bodies are suspects (False) or poison (True), by fingerprint."""
        self.lane.marked = self.shadow.marked = marked


def load(
    order: Order,
    *,
    worker: bytes,
    options: Options,
    shops: Shops,
    sampler: Sampler,
    cleared: Callable[[int], None] = lambda fingerprint: None,
) -> Loaded:
    """Load, check, warm and rehearse one version. Slow: call it from a thread that is not in a hurry.

    Raises CorruptArtifact, BadModel or WrongAnswers.
    """
    planned = order.version
    signature, rows = planned.signature, planned.rows
    version = load_version(signature, order.files, options=options, rows=rows)
    run_seconds = version.run_seconds
    sheets = Sheets(Answering(order.model, planned.told, planned.digest, signature.outputs))
    shop = shops.clients
    replies = Replies(sheets, signature, worker, shop.limits, sampler)
    batcher = Batcher(version.pipe, signature, batching=planned.batching, limits=shop.limits, rows=rows)

    def deliver(ran: Ran) -> None:
        replies.answer(ran)
        for exchange in ran.exchanges:
            exchange.line.ready()

    return Loaded(
        order,
        planned.number,
        planned.told,
        signature,
        version.reader,
        batcher,
        Lane(batcher, deliver, shop, run_seconds, order.mark, cleared),
        Lane(batcher, shops.mirroring.answer, shops.mirrors, run_seconds, order.mark, cleared),
        sheets,
        replies,
        run_seconds,
        sampler,
        allowed(signature),
    )
