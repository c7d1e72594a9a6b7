"""What goes between the control plane and the nodes: plans out, heartbeats, feedback and counters in.

Redis is transport here and never the truth: plans are written from rows, what nodes ship is
acknowledged only after its rows are committed. This is the only file of the release side that talks to it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import redis

from scoring.plans import RoutingPlan

ALIVE_WITHIN_S = 10.0
Unreachable = redis.RedisError
_READ_BATCHES = 100
_INSTALLATIONS = "assay:installations"
_HERE_WITHIN_S, _FORGOTTEN_AFTER_S = 180.0, 86_400.0

# The plan never goes back: a slow publisher must not overwrite what a faster one has sent.
# A database that was made anew counts from the beginning, so only its own plans are compared.
_PUBLISH = """
local known = redis.call('GET', KEYS[2])
local by = redis.call('GET', KEYS[3])
if known and (not by or by == ARGV[3]) and tonumber(known) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2])
redis.call('SET', KEYS[3], ARGV[3])
redis.call('PUBLISH', KEYS[1], ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class NodeModel:
    """What all workers of a node have of one model. `broken`: what the node runs no more, with the reason."""

    revision: int = 0
    ready: frozenset[int] = frozenset()
    loading: frozenset[int] = frozenset()
    failed: Mapping[int, str] = field(default_factory=dict)
    broken: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a node last said about itself. `at` is epoch seconds by its own clock."""

    node: str
    boot: str
    at: float
    address: str
    sequence: int
    models: Mapping[str, NodeModel]
    slots: tuple[int, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    pattern: str = "*"

    def serves(self, model: str) -> bool:
        """Whether the node takes this model at all."""
        return fnmatchcase(model, self.pattern)

    def alive(self, now: float) -> bool:
        return now - self.at < ALIVE_WITHIN_S

    def of(self, model: str) -> NodeModel:
        return self.models.get(model, NodeModel())


def connect(url: str) -> redis.Redis:
    """A client with short time-outs: a dead Redis is an error in seconds, never a hang."""
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)


def publish(client: redis.Redis, path: Path, envelope: str, plan: RoutingPlan) -> None:
    """Send a signed plan to Redis and to the plan file, unless a newer one of its installation is there."""
    key = f"assay:{plan.environment}:plan"
    keys = (key, f"{key}:sequence", f"{key}:installation")
    client.eval(_PUBLISH, len(keys), *keys, envelope, plan.sequence, plan.installation)
    _replace(path, envelope, plan)


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


def say_here(client: redis.Redis, installation: str, now: float) -> None:
    """Leave word that this installation lives on this Redis. `now` in epoch seconds."""
    client.zadd(_INSTALLATIONS, {installation: now})
    client.zremrangebyscore(_INSTALLATIONS, "-inf", now - _FORGOTTEN_AFTER_S)


def others_here(client: redis.Redis, installation: str, now: float) -> list[str]:
    """Other installations that live here too: they and this one take each other's tasks and plans."""
    found: Any = client.zrangebyscore(_INSTALLATIONS, now - _HERE_WITHIN_S, now + _HERE_WITHIN_S)
    return [name for name in (each.decode() for each in found) if name != installation]


def heartbeats(client: redis.Redis, environment: str) -> list[Heartbeat]:
    """What every known node last said, by node name."""
    keys = sorted(client.scan_iter(f"assay:{environment}:node:*", count=500))
    said = client.mget(keys) if keys else []
    return [heartbeat(json.loads(text)) for text in said if text]


def heartbeat(document: Mapping[str, Any]) -> Heartbeat:
    """A heartbeat from its JSON form."""
    models = {
        name: NodeModel(
            revision=int(model["revision"]),
            ready=frozenset(int(number) for number in model.get("ready", ())),
            loading=frozenset(int(number) for number in model.get("loading", ())),
            failed={int(number): str(why) for number, why in model.get("failed", {}).items()},
            broken={int(number): dict(told) for number, told in model.get("broken", {}).items()},
        )
        for name, model in document.get("models", {}).items()
    }
    return Heartbeat(
        node=str(document["node"]),
        boot=str(document["boot"]),
        at=float(document["at"]),
        address=str(document.get("address", "")),
        sequence=int(document.get("sequence", 0)),
        models=models,
        slots=tuple(int(worker["slot"]) for worker in document.get("workers", ())),
        pattern=str(document.get("serves", "*")),
        facts={k: v for k, v in document.items() if k not in {"models", "node", "boot", "address"}},
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
    `acknowledge`."""
    entries: Any = client.xrange(f"assay:{environment}:{what}", count=_READ_BATCHES)
    return [_batch(entry.decode(), json.loads(fields[b"batch"])) for entry, fields in entries]


def _batch(entry: str, document: Mapping[str, Any]) -> Batch:
    return Batch(
        entry=entry,
        node=str(document["node"]),
        boot=str(document["boot"]),
        after=int(document.get("after", 0)),
        sequence=int(document["sequence"]),
        body=document,
    )


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


def _replace(path: Path, envelope: str, plan: RoutingPlan) -> None:
    """The plan file is swapped whole, and never for an older one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if _sequence(path, plan.installation) > plan.sequence:
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as out:
        out.write(envelope)
        out.flush()
        os.fsync(out.fileno())
    Path(name).replace(path)


def _sequence(path: Path, installation: str) -> int:
    try:
        plan = json.loads(json.loads(path.read_text())["payload"])
        return int(plan["sequence"]) if plan.get("installation", "") in {"", installation} else -1
    except (FileNotFoundError, ValueError, KeyError):
        return -1
