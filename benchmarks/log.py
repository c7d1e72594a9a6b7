"""The log: what one event costs, how many a second a verification reads, and bare bounds of the same run.

A SQLite database of its own with the product's settings, filled with a chain of events of ordinary size.

    python -m benchmarks.log [--events 100000] [--database postgres://…]
"""

from __future__ import annotations

import argparse
import os
import resource
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time

CHANGES, TURNS = 200, 5
LEAST_EVENTS_PER_S, MOST_MS = 50_000, 0.5
FACTS = {
    "number": 7,
    "digest": "a" * 64,
    "owner": "person/ana",
    "files": {"model": "b" * 64, "card": "c" * 64},
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.log", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--database", default="", help="postgres://…; a SQLite file where none is given")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="assay-log-") as folder:
        os.environ |= {"ASSAY_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings"}
        if asked.database:
            os.environ["DATABASE_URL"] = asked.database
        _set_up()
        for line in _recorded(Path(folder)):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        _fill(asked.events)
        for line in _verified():
            sys.stdout.write(f"{line}\n")
    return 0


def _set_up() -> None:
    import django

    django.setup()
    from registry import wakeups

    wakeups.install(lambda _: None)
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _recorded(folder: Path) -> Iterator[str]:
    """One event as a change of its own and as one of many, beside a row that is inserted as durably."""
    from registry.events import Kind, record
    from registry.transactions import write

    def one(number: int) -> None:
        record(Kind.MODEL_UPDATED, f"model/m{number}", actor="token/0a1b2c3d", model="m", **FACTS)

    def change() -> None:
        for number in range(CHANGES):
            with write():
                one(number)

    def within() -> None:
        with write():
            for number in range(CHANGES):
                one(number)

    names = ("an event of a change", "a change of one event, with commit, witness and their syncs",
             "a bare INSERT of the same bytes with its commit, and one synced line")  # fmt: skip
    with write():  # a witness saw its log from the first changes on
        one(0)
    works = (within, change, _bare(folder))
    taken = [[_ms(work) for work in works] for _ in range(TURNS)]
    for place, name in enumerate(names):
        cpu, wall = (statistics.median(turn[place][kind] for turn in taken) / CHANGES for kind in (0, 1))
        aim = f" (to reach: {MOST_MS} ms of CPU)" if place == 0 else ""
        yield f"{name}: {cpu:.3f} ms of CPU, {wall:.3f} ms in all{aim}"


def _bare(folder: Path) -> Callable[[], None]:
    """sqlite3 alone, as careful as the product: a row, a commit, a line that is synced."""
    connection = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE IF NOT EXISTS bare (seq INTEGER PRIMARY KEY, payload TEXT)")
    witness = os.open(folder / "bare.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    text = repr(FACTS)

    def insert() -> None:
        for _ in range(CHANGES):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO bare (payload) VALUES (?)", (text,))
            connection.execute("COMMIT")
            os.write(witness, b"x" * 70 + b"\n")
            os.fdatasync(witness)

    return insert


def _fill(count: int) -> None:
    from datetime import UTC, datetime

    from django.conf import settings
    from django.db import connection, transaction

    from registry import events, ledger, witness
    from registry.models import LogHead

    head = LogHead.objects.get(pk=1)
    seq, previous, at = head.seq, head.digest, datetime.now(UTC)
    said = {"kind": "model.updated", "subject": "model/m", "model": "m", "actor": "token/0a1b2c3d"}
    facts, moment = ledger.canonical(FACTS), connection.ops.adapt_datetimefield_value(at)
    payload = ledger.payload(**said, facts=facts, at=at.isoformat())
    rows, lines = [], []
    for _ in range(count):
        seq, before = seq + 1, previous
        previous = ledger.chained(seq, before, payload)
        rows.append([seq, *said.values(), facts, moment, payload, before, previous])
        lines.append(f"{seq} {previous}")
        if len(rows) == 10_000 or seq == head.seq + count:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.executemany(events.INSERT, rows)
            witness.append(settings.WITNESS_FILE, "\n".join(lines))
            rows, lines = [], []
    LogHead.objects.filter(pk=1).update(seq=seq, digest=previous)


def _verified() -> Iterator[str]:
    from registry import events, ledger
    from registry.models import Event

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reports: list[ledger.Report] = []
    cpu, wall = _ms(lambda: reports.append(events.verify()))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    count = reports[0].events
    rows = list(Event.objects.order_by("seq").values_list("seq", "previous", "payload")[:20_000])
    bare = _ms(lambda: [ledger.chained(*row) for row in rows])[0] / len(rows)
    yield (
        f"verification of {count:,} events: {count / cpu * 1e3:,.0f} a second of CPU,"
        f" {count / wall * 1e3:,.0f} in all (to reach: {LEAST_EVENTS_PER_S:,})"
    )
    yield f"  the digests of its chain alone, in memory: {1e3 / bare:,.0f} a second"
    yield f"  verification to these: {cpu / count / bare:.2f} x as long"
    yield f"  it took {grown:,.0f} MB more, and found {'nothing' if reports[0].intact else reports[0]}"


def _ms(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of CPU, and in all."""
    cpu, wall = process_time(), perf_counter()
    work()
    return (process_time() - cpu) * 1e3, (perf_counter() - wall) * 1e3


if __name__ == "__main__":
    raise SystemExit(main())
