"""The clock behind the ticks: it falls silent while nobody listens, instead of filling the broker."""

from __future__ import annotations

from typing import Any

from celery.beat import PersistentScheduler, ScheduleEntry

from config.ringing import DISPATCHER, MOST_ON_THE_WAY, on_the_way


class Clock(PersistentScheduler):  # type: ignore[misc]
    """Ticks that nobody took are worth no more ticks: the next one finds all that waits."""

    def apply_async(
        self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **options: Any
    ) -> Any:
        sender = producer or self.producer
        if on_the_way(sender.channel, DISPATCHER) < MOST_ON_THE_WAY:
            return super().apply_async(entry, producer=sender, advance=advance, **options)
        if advance:
            self.reserve(entry)
        return None
