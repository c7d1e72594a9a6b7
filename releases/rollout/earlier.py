"""What the live version did in its last day, read once when a rollout starts: the bar stays where it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db.models import QuerySet

from formats.evidence import ERRORS, INVALID, TIMEOUTS
from releases.models import Release, Traffic
from releases.rollout.counts import Seen
from releases.rollout.designs.metrics import Threshold
from releases.rollout.forecasting.ahead import Past
from releases.traffic.figures import AN_HOUR, UNCOMPARED
from releases.traffic.spans import HOUR
from scoring.errors import (
    DeadlineExceeded,
    InferenceFailed,
    OutputTooLarge,
    Overloaded,
    PoisonRequest,
    ScoringError,
    VersionBroken,
)
from scoring.telemetry import quantile

QUANTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
LEAST_REQUESTS = 1000
"""Of fewer the 99th percentile is the word of ten requests."""
A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)
_OWN = (InferenceFailed, OutputTooLarge, VersionBroken, PoisonRequest, Overloaded, ScoringError)
CODES: Mapping[str, Collection[str]] = {
    ERRORS: {error.code for error in _OWN},
    TIMEOUTS: {DeadlineExceeded.code},
    INVALID: {InferenceFailed.code},
}
"""By which codes counters tell of a metric's bad events. An invalid output is counted as an inference that
failed, so that each of these two is at most what is found here: what is wanted is an upper bound."""


def thresholds(champion: Release, now: datetime) -> tuple[Threshold, ...]:
    """Quantiles of what clients waited for the version; none where too few asked it."""
    buckets: Counter[int] = Counter()
    for told in _last_day(champion, now).values_list("buckets", flat=True):
        buckets.update(dict(told))
    if buckets.total() < LEAST_REQUESTS:
        return ()
    found = [(name, quantile(buckets, q), 1 - q) for name, q in QUANTILES]
    return tuple(Threshold(name, s * 1000, share) for name, s, share in found if s is not None)


def bad_before(champion: Release, now: datetime) -> dict[str, Seen]:
    """Requests of clients to the version, and how many of them were bad by each metric."""
    requests, codes = 0, Counter[str]()
    for asked, failed in _last_day(champion, now).values_list("requests", "codes"):
        requests += asked
        codes.update(failed)
    return {metric: Seen(requests, sum(codes[code] for code in known)) for metric, known in CODES.items()}


def past(champion: Release, now: datetime) -> Past | None:
    """What clients asked of its model in the last complete hours, a week at most, and which share of what the
    live version answered was bad; None where nothing was asked.

    Counters have requests: each is taken for a unit of its own.
    """
    end = now.replace(minute=0, second=0, microsecond=0)
    rows = Traffic.objects.filter(
        model=champion.model_id,
        environment=champion.environment_id,
        span=HOUR,
        at__gte=end - A_WEEK,
        at__lt=end,
    )
    hours, asked, failed = dict[int, int](), 0, 0
    for at, version, requests, codes in (
        rows.exclude(arm__in=UNCOMPARED).order_by().values_list("at", "version", "requests", "codes")
    ):
        place = int((end - at) / AN_HOUR)
        hours[place] = hours.get(place, 0) + requests
        if version == champion.version.number:
            asked += requests
            failed += sum(codes.get(code, 0) for code in CODES[ERRORS])
    if not any(hours.values()):
        return None
    known = max(place for place, requests in hours.items() if requests)
    per_hour = [float(hours.get(place, 0)) for place in range(known, 0, -1)]
    return Past(_from_now_on(per_hour), failed / asked if asked else 0.0, known)


def _from_now_on(per_hour: list[float]) -> tuple[float, ...]:
    """The same hours of whole days; of less than a day each hour is like the others."""
    days = len(per_hour) // 24 * 24
    return tuple(per_hour[-days:]) if days else (sum(per_hour) / len(per_hour),) * 24


def _last_day(champion: Release, now: datetime) -> QuerySet[Traffic]:
    rows = Traffic.objects.filter(
        model=champion.model_id,
        environment=champion.environment_id,
        version=champion.version.number,
        span=HOUR,
        at__gte=now - A_DAY,
    )
    return rows.exclude(arm__in=UNCOMPARED).order_by()
