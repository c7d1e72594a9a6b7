"""Feedback on its way into the database: how much an hour, and whether it stays so the longer a boot lasts.

A node's batches wait in a stream of a Valkey server, among many models; the control plane's own intake
takes them in. What is told is the intake's own CPU seconds, not the node's or the tick's pause.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.capacity import Pace
from benchmarks.measures import Measure
from benchmarks.servers import ROOT

MODELS = 2000
BATCHES, ITEMS = 4000, 20
_LEAST_AN_HOUR = 1e6
_MOST_GROWTH = 1.2
_SECONDS = 900.0
_PROGRAM = "import django; django.setup(); from benchmarks.rewards import main; main()"


def measure(folder: Path, pace: Pace) -> list[Measure]:
    folder.mkdir(parents=True, exist_ok=True)
    with _valkey(folder) as address:
        foreign = ("ASSAY_", "DATABASE_URL", "REDIS_URL", "S3_ENDPOINT_URL")
        own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        own |= {"DJANGO_SETTINGS_MODULE": "config.settings", "ASSAY_DATA_DIR": str(folder)}
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            check=True,
            cwd=ROOT,
            env=own | {"REDIS_URL": address},
            stdout=subprocess.PIPE,
            text=True,
            timeout=_SECONDS,
        )
    took = json.loads(done.stdout.splitlines()[-1])
    return _found(took)


def _found(took: list[float]) -> list[Measure]:
    """What the CPU seconds of a hundred batches after the other say."""
    tenth = len(took) // 10
    first, last = statistics.median(took[:tenth]), statistics.median(took[-tenth:])
    items = BATCHES * ITEMS
    return [
        Measure(
            f"feedback taken in, {ITEMS} items a batch",
            items / sum(took) * 3600,
            "an hour",
            f"{MODELS:,} models; {1000 * first:.1f} ms for 100 batches at first, {1000 * last:.1f} at last",
            _LEAST_AN_HOUR,
            least=True,
        ),
        Measure(
            f"the last of {BATCHES:,} batches of a boot to the first",
            last / first,
            "x",
            f"medians of {tenth} transactions each",
            _MOST_GROWTH,
        ),
    ]


@contextmanager
def _valkey(folder: Path) -> Iterator[str]:
    from config.local import valkey

    server = subprocess.Popen(valkey.arguments(folder), stdout=subprocess.DEVNULL)
    socket = folder / "valkey.sock"
    try:
        deadline = time.monotonic() + 10
        while not socket.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield f"unix://{socket}"
    finally:
        server.terminate()
        server.wait(10)


def main() -> None:
    """Make a database, fill the stream, take it in; the seconds of each transaction, as JSON."""
    import redis
    from django.conf import settings
    from django.core.management import call_command

    from registry import wakeups
    from registry.models import Person, RegisteredModel
    from releases import dataplane
    from releases.models import Environment
    from releases.traffic import feedback, intake

    wakeups.install(lambda queue: None)
    call_command("prepare")
    ada = Person.objects.create(username="benchmark")
    RegisteredModel.objects.bulk_create(
        RegisteredModel(name=f"m-{number}", created_by=ada) for number in range(MODELS)
    )
    environment = Environment.objects.get_or_create(name="production")[0]
    client = redis.Redis.from_url(settings.REDIS_URL)
    pipe = client.pipeline(transaction=False)
    for sequence in range(1, BATCHES + 1):
        pipe.xadd(f"assay:{environment.name}:feedback", {"batch": _batch(sequence, settings.REQUEST_KEY())})
    pipe.execute()
    intake.ROUNDS = 1
    took = []
    for _ in range(BATCHES // dataplane.READ_BATCHES):
        began = time.process_time()
        assert feedback.ingest(environment) == dataplane.READ_BATCHES
        took.append(time.process_time() - began)
    print(json.dumps(took))


def _batch(sequence: int, key: bytes) -> str:
    from scoring import request_ids
    from scoring.request_ids import RequestId, model_tag

    now = time.time()
    items = [
        {
            "request_id": request_ids.make(
                key,
                RequestId(model_tag(f"m-{(sequence * ITEMS + n) % MODELS}"), 1, 1, 0, n, int(now * 1000), n),
            ),
            "reward": 1.0,
            "at": now,
        }
        for n in range(ITEMS)
    ]
    return json.dumps({"node": "n", "boot": "b", "after": 0, "sequence": sequence, "items": items})
