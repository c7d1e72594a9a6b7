"""The one door for what nodes ship: each batch is taken in once, by a mark for each boot and stream.

The mark is written in the transaction that writes what a batch says, and the node deletes the batch only
after the acknowledgement that follows. So a kill anywhere repeats batches, and none counts twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from registry.transactions import write
from releases import dataplane
from releases.dataplane import Batch
from releases.models import CounterShipment, Environment, FeedbackShipment
from scoring.crashpoints import crashpoint

log = logging.getLogger(__name__)
ROUNDS = 20
"""A node that was away for long must not keep the rest of the tick waiting for all that it kept."""
MOST_AT_ONCE, MOST_A_TICK = 20_000, 60_000
"""Facts about units: of one transaction, which others wait for, and of one tick. After an outage there may be
hundreds of thousands; what is left waits in its order, and comes with the ticks that follow."""
Sender = tuple[str, str]
Mark = CounterShipment | FeedbackShipment


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of shipment.

    name   as nodes call the stream.
    marks  the table of its marks.
    take   writes what fresh batches of an environment say, in their order, inside the transaction.
    holds  why a batch cannot be taken yet, "" where it can. It and all that follow it of its boot wait, and
           its node keeps them.
    weight how much work a batch is beside its numbers.
    """

    name: str
    marks: type[CounterShipment | FeedbackShipment]
    take: Callable[[Environment, Sequence[Batch]], object]
    holds: Callable[[Batch], str] = lambda batch: ""
    weight: Callable[[Batch], int] = lambda batch: 0


def ingest(environment: Environment, stream: Stream) -> int:
    """Take in what waits, so much a transaction, and acknowledge it; how many batches were new."""
    total = weight = 0
    for _ in range(ROUNDS):
        batches = dataplane.shipped(dataplane.client(), environment.name, stream.name)
        if not batches:
            break
        part = _first_of(batches, stream)
        total += _take_in(environment, stream, part)
        weight += sum(map(stream.weight, part))
        if len(part) == len(batches) < dataplane.READ_BATCHES or weight >= MOST_A_TICK:
            break
    return total


def _first_of(batches: Sequence[Batch], stream: Stream) -> Sequence[Batch]:
    """As many as one transaction takes, in their order; one at least, which is never parted."""
    weight = 0
    for place, batch in enumerate(batches):
        weight += stream.weight(batch)
        if place and weight > MOST_AT_ONCE:
            return batches[:place]
    return batches


def _take_in(environment: Environment, stream: Stream, batches: Sequence[Batch]) -> int:
    with write():
        fresh, upto = _in_order(stream, batches)
        stream.take(environment, fresh)
    crashpoint(f"{stream.name}.ingested")
    dataplane.acknowledge(dataplane.client(), environment.name, stream.name, batches, upto)
    return len(fresh)


def _in_order(stream: Stream, batches: Iterable[Batch]) -> tuple[list[Batch], dict[Sender, int]]:
    """What has not been taken in yet, and the new marks, which are saved here.

    After a gap nothing is taken, since the mark would then cover what is missing; the node sends
    it again. What the node knew to be acknowledged is no gap: this database is older than that.
    """
    marks = {sender: _mark(stream, sender) for sender in {batch.sender for batch in batches}}
    fresh = []
    for batch in batches:
        mark = marks[batch.sender]
        known = max(mark.sequence, batch.after)
        if not mark.sequence < batch.sequence <= known + 1:
            continue
        if why := stream.holds(batch):
            log.error("%s %s of node %s waits: %s", stream.name, batch.sequence, batch.node, why)
            continue
        mark.sequence = batch.sequence
        fresh.append(batch)
    for mark in marks.values():
        mark.save()
    return fresh, {sender: mark.sequence for sender, mark in marks.items()}


def _mark(stream: Stream, sender: Sender) -> Mark:
    node, boot = sender
    found = stream.marks.objects.filter(node=node, boot=boot).first()
    return found or stream.marks(node=node, boot=boot, sequence=0)
