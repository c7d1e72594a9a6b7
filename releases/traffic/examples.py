"""Requests to which two versions gave different answers: out of the prediction log, where both are kept.

A client's answer and what another version said to the same request unheard lie in different archives, and are
joined by the request's id. The newest archives are read, and so much of each at most.
"""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import IO, TYPE_CHECKING

import numpy as np

from formats.answers import Tolerances, first_difference
from registry.storage import open_verified
from registry.storage.errors import DamagedArtifact
from registry.stores import artifact_store
from releases.models import PredictionSegment
from scoring.node.outbox.segments import unpack

if TYPE_CHECKING:
    from formats.dtypes import Array
    from releases.models import Rollout

MOST_SEGMENTS = 2
"""Of each version."""
MOST_BYTES, MOST_UNPACKED = 8 << 20, 64 << 20
"""Of an archive: a node seals it sooner. What says more is not read."""
MOST = 20
"""What somebody looks through on a page."""
log = logging.getLogger(__name__)
Tensors = Mapping[str, "Array"]


@dataclass(frozen=True, slots=True)
class Heard:
    """What one version said to one request; a shadow has no inputs of its own."""

    version: int
    at: datetime
    unit: int
    rows: int
    shadow: bool
    inputs: Tensors
    outputs: Tensors


@dataclass(frozen=True, slots=True)
class Example:
    """One request with both answers: `answered` is what the client got. `differing` names outputs."""

    request_id: str
    answered: Heard
    unheard: Heard
    differing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Examples:
    """The newest first, of `joined` requests of which both answers were found."""

    found: tuple[Example, ...]
    joined: int


def examples(rollout: Rollout, versions: Iterable[int], tolerances: Tolerances) -> Examples:
    """Of these versions, since the rollout began. Empty where nothing is logged."""
    heard: dict[str, list[Heard]] = {}
    for segment in _segments(rollout, versions):
        for request_id, each in read(segment.version, segment.digest, segment.size):
            heard.setdefault(request_id, []).append(each)
    pairs = [pair for request_id, told in heard.items() for pair in _paired(request_id, told)]
    pairs.sort(key=lambda pair: pair.answered.at, reverse=True)
    compared = (replace(pair, differing=_differing(pair, tolerances)) for pair in pairs)
    return Examples(tuple(islice((pair for pair in compared if pair.differing), MOST)), len(pairs))


def _segments(rollout: Rollout, versions: Iterable[int]) -> Iterator[PredictionSegment]:
    rows = PredictionSegment.objects.filter(
        model=rollout.model_id,
        environment=rollout.environment_id,
        to_at__gte=rollout.opened_at,
        size__lte=MOST_BYTES,
    )
    if rollout.closed_at is not None:
        rows = rows.filter(from_at__lte=rollout.closed_at)
    for version in versions:
        yield from rows.filter(version=version).order_by("-to_at")[:MOST_SEGMENTS]


def read(version: int, digest: str, size: int) -> Iterator[tuple[str, Heard]]:
    """The requests of an archive; none of one that is not what a node stores."""
    try:
        with closing(open_verified(artifact_store(), digest, size)) as stream:
            yield from list(_requests(version, stream))
    except (DamagedArtifact, OSError, ValueError, KeyError, IndexError, StopIteration, zipfile.BadZipFile):
        log.exception("a segment of logged answers cannot be read: left out")


def _requests(version: int, stream: IO[bytes]) -> Iterator[tuple[str, Heard]]:
    raw = io.BytesIO(stream.read(MOST_BYTES + 1))
    with zipfile.ZipFile(raw) as archive:
        if sum(member.file_size for member in archive.infolist()) > MOST_UNPACKED:
            raise ValueError("it unpacks to more than a node stores")
    for facts, tensors in unpack(raw):
        there = {name: values for name, values in tensors.items() if values is not None}
        yield (
            str(facts["request_id"]),
            Heard(
                version=version,
                at=datetime.fromtimestamp(int(str(facts["at_ms"])) / 1000, UTC),
                unit=int(str(facts["unit"])),
                rows=int(str(facts["rows"])),
                shadow=bool(facts.get("shadow")),
                inputs=_side(there, "inputs/"),
                outputs=_side(there, "outputs/"),
            ),
        )


def _side(tensors: Tensors, side: str) -> dict[str, Array]:
    return {name.removeprefix(side): values for name, values in tensors.items() if name.startswith(side)}


def _paired(request_id: str, told: Iterable[Heard]) -> Iterator[Example]:
    for client in [each for each in told if not each.shadow][:1]:
        for other in told:
            if other.shadow and other.version != client.version:
                yield Example(request_id, client, other)


def _differing(pair: Example, tolerances: Tolerances) -> tuple[str, ...]:
    """Names of outputs of which both are kept, and differ: as the node that compared them does."""
    one, other = pair.answered.outputs, pair.unheard.outputs
    return tuple(name for name in one if name in other and _differs(one[name], other[name], name, tolerances))


def _differs(one: Array, other: Array, name: str, tolerances: Tolerances) -> bool:
    if one.shape != other.shape:
        return True
    if one.dtype == object:
        return not np.array_equal(one, other)
    return first_difference(one, other, tolerances.on(name)) is not None
