"""When a unit's reward counts, and which cohorts are looked at.

A unit belongs to the cohort of the span (an hour, or less where the window is shorter than an hour) in which
it first got its arm, and enters the statistics when that cohort's window has closed: with its reward, or with
the default one. Letting a reward in at once and a missing one only after the window makes whichever arm was
asked last look best.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from releases.rollout.counts import GRAIN, Cohort, fixed
from releases.rollout.evidence.posteriors import Pulls

Cohorts = Mapping[tuple[int, str], Cohort]
"""By span since the epoch and arm."""

HOUR_S, LEAST_SPAN_S = 3600, 5
"""Seconds. Shorter spans than a flush of the nodes would be summed before they are told."""
_NOBODY = Cohort()


def span_of(window_hours: float) -> int:
    """Seconds for which a cohort is gathered: as long as its window, an hour at most, and no less than nodes
    take to tell of its units."""
    return max(LEAST_SPAN_S, min(HOUR_S, round(window_hours * HOUR_S)))


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a model's policy says of its rewards.

    window_hours  how long after its assignment a reward counts.
    default       the reward of a unit from which none came.
    explicit      every unit gets a reward of its own, after the same delay whatever its value: each counts
                  when it arrives, and nobody is taken for silent.
    span_s        how long a cohort is gathered.
    """

    window_hours: float
    default: float = 0.0
    explicit: bool = False
    span_s: int = HOUR_S

    def counts(self, assigned_at: float, arrived_at: float) -> bool:
        """Whether a reward came in time; both in hours since the epoch. Before its assignment, it is skew."""
        return arrived_at - assigned_at <= self.window_hours

    def resolved(self, cohorts: Cohorts, arms: Sequence[str], now: float) -> dict[int, Pulls]:
        """The pulls of each cohort that may be judged at `now`, in hours: one to come is not over yet."""
        span = self.span_s / HOUR_S
        told = {hour for hour, _ in cohorts if self.explicit or (hour + 1) * span + self.window_hours <= now}
        hours, one = sorted(told), (fixed(self.default), fixed(self.default**2))
        sums = [[self._of(cohorts.get((hour, arm), _NOBODY), *one) for arm in arms] for hour in hours]
        units, total, squares = np.array(sums, np.float64).reshape(-1, len(arms), 3).transpose(2, 0, 1)
        return dict(zip(hours, map(Pulls, units, total / GRAIN, squares / GRAIN), strict=True))

    def by_context(
        self, cohorts: Mapping[tuple[int, int, str], Cohort], contexts: int, arms: Sequence[str], now: float
    ) -> dict[int, Pulls]:
        """The same of each context, shape (contexts, arms)."""
        told: list[dict[tuple[int, str], Cohort]] = [{} for _ in range(contexts)]
        for (context, hour, arm), cohort in cohorts.items():
            if context < contexts:
                told[context][hour, arm] = cohort
        found = {0: Pulls.none(contexts, len(arms))}
        for context, mine in enumerate(told):
            for hour, pulls in self.resolved(mine, arms, now).items():
                whole = found.setdefault(hour, Pulls.none(contexts, len(arms)))
                for name in ("units", "total", "squares"):
                    getattr(whole, name)[context] = getattr(pulls, name)
        return found

    def _of(self, cohort: Cohort, default: int, square: int) -> tuple[int, int, int]:
        """Units, their rewards and squares. Rewards may be counted before the units that earned them are:
        such a unit is there for certain."""
        got = cohort.rewarded
        silent = 0 if self.explicit else max(cohort.assigned - got.n, 0)
        return got.n + silent, got.y + silent * default, got.yy + silent * square


def recent(hours: Mapping[int, Pulls], arms: int, last: int | None = None) -> Pulls:
    """The sum of the last so many cohorts of which anything is known, or of all."""
    newest = max(hours, default=0)
    return _sum((pulls for hour, pulls in hours.items() if last is None or hour > newest - last), arms)


def _sum(pulls: Iterable[Pulls], arms: int) -> Pulls:
    return reduce(Pulls.__add__, pulls, Pulls.none(arms))
