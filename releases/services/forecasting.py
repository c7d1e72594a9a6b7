"""How far a proof is, in the words of those who wait for it: how much of how much, and until when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import timezone

from releases.proof.examiner.progress import Report

Told = dict[str, object]
SURE_AFTER = timedelta(seconds=3)
"""Chosen: a pace taken from less would promise an end that moves with each report."""
LONGEST = timedelta(days=365)


class Forecast:
    """Tells each report of one examination on, with the end that its pace so far promises.

    version   whose answers are asked for: the live one is asked for the same rows first.
    """

    def __init__(self, version: int, tell: Callable[[Told], None]) -> None:
        self._version = version
        self._tell = tell
        self._first: tuple[Report, datetime] | None = None

    def __call__(self, report: Report) -> None:
        now = timezone.now()
        if self._first is None or self._first[0].part != report.part:
            self._first = report, now
        end = self._end(report, now)
        self._tell(
            {
                "part": report.part,
                "version": self._version,
                "done": report.done,
                "of": report.of,
                "expected_end": end.isoformat(timespec="seconds") if end else None,
            }
        )

    def _end(self, report: Report, now: datetime) -> datetime | None:
        """None while there is too little to go by."""
        assert self._first is not None  # noqa: S101 - set by the caller
        first, since = self._first
        done = report.done - first.done
        if done <= 0 or now - since < SURE_AFTER:
            return None
        seconds = (now - since).total_seconds() * (report.of - report.done) / done
        return now + timedelta(seconds=min(seconds, LONGEST.total_seconds()))
