"""What goes between the control plane and the nodes: plans out, heartbeats, feedback and counters in.

Redis is transport here and never the truth: plans are written from rows, what nodes ship is
acknowledged only after its rows are committed. This is the only file of the release side that talks to it.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import redis
from django.conf import settings

from formats import heartbeat, seals
from formats.heartbeat import Heartbeat
from formats.plan import RoutingPlan
from formats.shares import shares_path

Unreachable = redis.RedisError
READ_BATCHES = 100
"""Bounds what one tick holds in memory; what is left is read by the next."""
_LONGEST_NODE, _LONGEST_BOOT, _MOST = 120, 64, 2**63
"""As the columns that keep them; counts go into one of 64 bits with a sign."""
_INSTALLATIONS = "assay:installations"
_HERE_WITHIN_S, _FORGOTTEN_AFTER_S = 180.0, 86_400.0
"""Some missed turns of a worker of an installation; a name that is a day old is one of a machine that is
gone."""

log = logging.getLogger(__name__)

# The plan never goes back: a slow publisher must not overwrite what a faster one has sent.
# A database that was made anew counts from the beginning, so only its own plans are compared.
_PUBLISH = """
local known = redis.call('GET', KEYS[2])
local by = redis.call('GET', KEYS[3])
if known and (not by or by == ARGV[3]) and tonumber(known) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2])
redis.call('SET', KEYS[3], ARGV[3])
if by ~= ARGV[3] then redis.call('DEL', KEYS[4])
else redis.pcall('XTRIM', KEYS[4], 'MINID', string.format('%d', ARGV[2] + 1)) end
redis.call('PUBLISH', KEYS[1], ARGV[2])
return 1
"""

# An entry's id is the sequence of its shares, and Redis takes none that is lower than the last: neither do
# shares go back, and nodes ask for those that have come since.
_PUBLISH_SHARES = """
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 0 end
for place = 2, #ARGV, 2 do redis.pcall('XADD', KEYS[4], ARGV[place] .. '-0', 'shares', ARGV[place + 1]) end
redis.call('PUBLISH', KEYS[1], 'shares')
return 1
"""


def connect(url: str) -> redis.Redis:
    """A client with short time-outs: a dead Redis is an error in seconds, never a hang."""
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)


@cache
def client() -> redis.Redis:
    """The process's connection pool to Redis."""
    return connect(settings.REDIS_URL)


def publish(client: redis.Redis, path: Path, envelope: str, plan: RoutingPlan) -> None:
    """Send a signed plan to Redis and to the plan file, unless a newer one of its installation is there."""
    keys = _keys(plan.environment)
    client.eval(_PUBLISH, len(keys), *keys, envelope, plan.sequence, plan.installation)
    if _sequence(path, plan.installation) <= plan.sequence:
        _replace(path, envelope)


def publish_shares(
    client: redis.Redis,
    path: Path,
    environment: str,
    installation: str,
    envelopes: Mapping[int, str],
    told: int,
) -> None:
    """Send signed shares, by their sequence, which are all that is newer than the plan: to Redis, which has
    them up to `told`, and to the file beside the plan's `path`. Older ones overwrite no newer."""
    keys = _keys(environment)
    fresh = [
        word for sequence in sorted(envelopes) if sequence > told for word in (sequence, envelopes[sequence])
    ]
    if fresh:
        client.eval(_PUBLISH_SHARES, len(keys), *keys, installation, *fresh)
    beside = shares_path(path)
    if _last_shares(beside, installation) <= max(envelopes):
        _replace(beside, "\n".join(envelopes[sequence] for sequence in sorted(envelopes)))


def _keys(environment: str) -> tuple[str, str, str, str]:
    key = f"assay:{environment}:plan"
    return key, f"{key}:sequence", f"{key}:installation", f"{key}:shares"


def published_sequence(client: redis.Redis, environment: str, installation: str = "") -> int:
    """The sequence of the plan in Redis, 0 where Redis has none (a new or emptied server).

    With an installation, also 0 where the plan is another's.
    """
    key = f"assay:{environment}:plan"
    found: Any = client.mget(f"{key}:sequence", f"{key}:installation")
    sequence, by = found
    if installation and by is not None and by.decode() != installation:
        return 0
    return int(sequence or 0)


def published(client: redis.Redis, environment: str, installation: str) -> tuple[int, int]:
    """How far an installation's nodes can know of it from Redis: the sequence of its plan there, and of the
    last shares; 0 for none."""
    entries: Any = client.xrevrange(_keys(environment)[3], count=1)
    return published_sequence(client, environment, installation), int(
        entries[0][0].partition(b"-")[0] if entries else 0
    )


def say_here(client: redis.Redis, installation: str, now: float) -> None:
    """Leave word that this installation lives on this Redis. `now` in epoch seconds."""
    client.zadd(_INSTALLATIONS, {installation: now})
    client.zremrangebyscore(_INSTALLATIONS, "-inf", now - _FORGOTTEN_AFTER_S)


def others_here(client: redis.Redis, installation: str, now: float) -> list[str]:
    """Other installations that live here too: they and this one take each other's tasks and plans."""
    found: Any = client.zrangebyscore(_INSTALLATIONS, now - _HERE_WITHIN_S, now + _HERE_WITHIN_S)
    return [name for name in (each.decode() for each in found) if name != installation]


def heartbeats(
    client: redis.Redis, environment: str, seal: bytes, nodes: Collection[str] | None = None
) -> list[Heartbeat]:
    """What every known node last said, by node name; whatever else lies under such a key is a strange one.

    Without `nodes` all keys of Redis are walked to find them: once a tick, not in a loop.

    `seal` is the key that our nodes have: nobody is believed, or called, for being able to write to Redis.
    """
    start = f"assay:{environment}:node:"
    keys = (
        sorted(client.scan_iter(f"{start}*", count=500))
        if nodes is None
        else [f"{start}{name}".encode() for name in sorted(nodes)]
    )
    said: Any = client.mget(keys) if keys else []
    places = [key.decode(errors="replace") for key in keys]
    return [
        _beat(place, place.removeprefix(start), text, seal)
        for place, text in zip(places, said, strict=True)
        if text
    ]


def _beat(place: str, name: str, text: bytes, seal: bytes) -> Heartbeat:
    return (
        heartbeat.read(name, text)
        if seals.holds(text, seal, place)
        else Heartbeat(name, strange=("its seal",))
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """One shipment from a node's spool. `after` is how far the node knew itself acknowledged then."""

    entry: str
    node: str
    boot: str
    after: int
    sequence: int
    body: Mapping[str, Any]

    @property
    def sender(self) -> tuple[str, str]:
        return self.node, self.boot


def shipped(client: redis.Redis, environment: str, what: str) -> list[Batch]:
    """Batches that wait in the stream of `what` (feedback, counters), oldest first; they stay until
    `acknowledge`. What is no batch is dropped: it has no sender, and must not stand before the others."""
    stream = f"assay:{environment}:{what}"
    entries: Any = client.xrange(stream, count=READ_BATCHES)
    read = {entry: _batch(entry.decode(), fields.get(b"batch", b"")) for entry, fields in entries}
    if strange := [entry for entry, batch in read.items() if batch is None]:
        log.error("%d entries of %s are no shipments of a node: dropped", len(strange), stream)
        client.xdel(stream, *strange)
    return [batch for batch in read.values() if batch is not None]


def _batch(entry: str, said: bytes) -> Batch | None:
    try:
        body = json.loads(said)
        node, boot, sequence, after = body["node"], body["boot"], body["sequence"], body.get("after", 0)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    named = _is_name(node, _LONGEST_NODE) and _is_name(boot, _LONGEST_BOOT)
    counted = all(isinstance(number, int) and 0 <= number < _MOST for number in (after, sequence))
    return Batch(entry, node, boot, after, sequence, body) if named and counted else None


def _is_name(said: object, longest: int) -> bool:
    return isinstance(said, str) and 0 < len(said) <= longest and said.isprintable()


def acknowledge(
    client: redis.Redis,
    environment: str,
    what: str,
    batches: Iterable[Batch],
    upto: Mapping[tuple[str, str], int],
) -> None:
    """Tell each (node, boot) that its batches up to a number are in the database, and drop `batches`."""
    stream = f"assay:{environment}:{what}"
    pipe = client.pipeline(transaction=True)
    for (node, boot), sequence in upto.items():
        pipe.hset(f"{stream}:acked", f"{node}:{boot}", str(sequence))
    pipe.xdel(stream, *(batch.entry for batch in batches))
    pipe.execute()


def _replace(path: Path, text: str) -> None:
    """The file is swapped whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _sequence(path: Path, installation: str) -> int:
    """Of the plan in the file; -1 for none of this installation."""
    try:
        return _sequence_in(path.read_text(), installation)
    except FileNotFoundError:
        return -1


def _last_shares(path: Path, installation: str) -> int:
    """Of the newest shares in the file, which stand last; -1 for none of this installation."""
    try:
        return _sequence_in(path.read_text().rpartition("\n")[2], installation)
    except FileNotFoundError:
        return -1


def _sequence_in(envelope: str, installation: str) -> int:
    try:
        said = json.loads(json.loads(envelope)["payload"])
        return int(said["sequence"]) if said.get("installation", "") in {"", installation} else -1
    except (ValueError, KeyError):
        return -1
