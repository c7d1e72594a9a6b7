"""What nodes say, for tests that look at it: heartbeats in Redis, flushes of counters in the stream."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import redis
from django.conf import settings

from formats.seals import sealed
from scoring.telemetry import Cell, Meters


def beat(client: redis.Redis, environment: str, node: str, *, ago: float = 0.0, **facts: Any) -> None:
    """A heartbeat that was sent `ago` seconds before now."""
    now = time.time() - ago
    told = {
        "node": node,
        "boot": "b1",
        "at": now,
        "started_at": now - 7200,
        "address": f"http://{node}:8001",
        "environment": environment,
        "sequence": 40,
        "ready": True,
        "models": {},
        "workers": [
            {"slot": slot, "pid": 100 + slot, "sequence": 40, "joined": True, "memory_bytes": 52 << 20}
            for slot in range(2)
        ],
        "restarts": 0,
        "memory_bytes": 104 << 20,
        "requests": 0,
        "errors": 0,
        "spool_bytes": 0,
        "log": {"bytes": 0, "dropped": 0, "problem": ""},
        "stale": False,
        **facts,
    }
    say(client, environment, node, json.dumps(told))


def say(client: redis.Redis, environment: str, node: str, text: str) -> None:
    """Leave this text where a node of ours leaves its heartbeats, with its seal."""
    place = f"assay:{environment}:node:{node}"
    client.set(place, sealed(text, settings.REQUEST_KEY(), place), ex=60)


def flush(
    client: redis.Redis,
    environment: str,
    node: str,
    sequence: int,
    cells: dict[tuple[str, int, str], list[float]],
    *,
    at: float | None = None,
    errors: int = 0,
    beyond: dict[str, tuple[int, int]] | None = None,
    **more: Any,
) -> None:
    """A flush of counters; `cells` maps (model, version, arm) to latencies in seconds, `beyond` an input to
    requests and values beyond its limits."""
    meters = Meters()
    for cell, latencies in cells.items():
        meter = meters.cell(Cell(*cell))
        meter.answered(latencies, len(latencies))
        for _ in range(errors):
            meter.failed("inference_failed")
        for name, (requests, values) in (beyond or {}).items():
            meter.beyond[name] += requests
            meter.outside[name] += values
    now = time.time() if at is None else at
    told = {"node": node, "boot": "b1", "after": 0, "sequence": sequence, "from": now - 5, "to": now}
    text = json.dumps({**told, **meters.to_json(), **more})
    client.xadd(f"assay:{environment}:counters", {"batch": text})


def an_hour(
    client: redis.Redis,
    environment: str,
    node: str,
    cells: dict[tuple[str, int, str], float],
    *,
    seed: int = 7,
    busy: int = 60,
) -> None:
    """A flush for each minute of the last hour; `cells` maps to the median latency in seconds."""
    draw = random.Random(seed)  # noqa: S311 - a picture, not a secret
    start = time.time() // 60 * 60 - 59 * 60 + 5
    for minute in range(60):
        told = {
            cell: [median * draw.lognormvariate(0, 0.35) for _ in range(draw.randint(busy // 2, busy))]
            for cell, median in cells.items()
        }
        flush(client, environment, node, minute + 1, told, at=start + 60 * minute, errors=minute == 40)
