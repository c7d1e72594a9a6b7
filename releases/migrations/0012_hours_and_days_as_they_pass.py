"""Count each request in its hour and its day at once, not when its minute or hour grows old.

Why        a chart of ninety days reads ninety rows of each arm, not thousands of minutes and hours.
Locks      none beyond the rows it adds; one transaction that reads the counters of 62 days.
Safe with  the previous release running: what that counts meanwhile stands in minutes alone and is missing
           from its hour and day, and minutes that it still sums up are in their hour twice. Stop its
           workers before migrating where a few minutes of one chart matter.
Undo       hours whose minutes are all kept, and days whose hours are, go again; then nothing is twice.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import migrations

MINUTE, HOUR, DAY = 60, 3600, 86_400
KEPT = {MINUTE: timedelta(hours=26), HOUR: timedelta(days=62)}
KINDS = {
    "Traffic": (("environment_id", "model_id", "version", "arm"), ("codes", "outside", "beyond"), DAY),
    "NodeTraffic": (("environment_id", "node"), ("codes",), HOUR),
}
NUMBERS = ("requests", "rows", "seconds")


def begun(at: datetime, span: int) -> datetime:
    return datetime.fromtimestamp(at.timestamp() // span * span, UTC)


def add(row: Any, into: Any, counts: tuple[str, ...]) -> None:
    for name in NUMBERS:
        setattr(into, name, getattr(into, name) + getattr(row, name))
    for name in counts:
        setattr(into, name, dict(Counter(getattr(into, name)) + Counter(getattr(row, name))))
    into.buckets = sorted((Counter(dict(into.buckets)) + Counter(dict(row.buckets))).items())


def sum_up(apps: Any, editor: Any) -> None:
    for name, (names, counts, coarsest) in KINDS.items():
        kind = apps.get_model("releases", name)
        for fine, coarse in ((HOUR, DAY), (MINUTE, HOUR), (MINUTE, DAY)):
            if coarse <= coarsest:
                sum_into(kind, names, counts, fine, coarse)


def sum_into(kind: Any, names: tuple[str, ...], counts: tuple[str, ...], fine: int, coarse: int) -> None:
    """One line at a time: what is held in memory is one arm's."""
    for line in list(kind.objects.filter(span=fine).order_by().values(*names).distinct()):
        sums = {row.at: row for row in kind.objects.filter(span=coarse, **line)}
        for row in kind.objects.filter(span=fine, **line).iterator():
            start = begun(row.at, coarse)
            into = sums.setdefault(start, kind(span=coarse, at=start, **line))
            add(row, into, counts)
        fresh = [row for row in sums.values() if row.pk is None]
        kept = [row for row in sums.values() if row.pk is not None]
        kind.objects.bulk_create(fresh, batch_size=200)
        kind.objects.bulk_update(kept, [*NUMBERS, *counts, "buckets"], batch_size=100)


def take_back(apps: Any, editor: Any) -> None:
    """The minutes of the hour in which the oldest begin are in their hour: they go. Hours likewise."""
    now = datetime.now(UTC)
    for name, (_, _, coarsest) in KINDS.items():
        kind = apps.get_model("releases", name)
        for fine, coarse in ((MINUTE, HOUR), (HOUR, DAY)):
            if coarse <= coarsest:
                edge = begun(now - KEPT[fine], coarse) + timedelta(seconds=coarse)
                kind.objects.filter(span=coarse, at__gte=edge).delete()
                kind.objects.filter(span=fine, at__lt=edge).delete()


class Migration(migrations.Migration):

    dependencies = [
        ("releases", "0011_chosen_returns"),
    ]

    operations = [migrations.RunPython(sum_up, take_back)]
