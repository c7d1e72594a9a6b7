"""When a unit's reward counts, and which hours are looked at.

A unit belongs to the cohort of the hour in which it first got its arm, and enters the statistics when that
cohort's window has closed: with its reward, or with the default one. Letting a reward in at once and a
missing one only after the window makes whichever arm was asked last look best.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from releases.rollout.counts import GRAIN, Cohort, fixed
from releases.rollout.evidence.posteriors import Pulls

Cohorts = Mapping[tuple[int, str], Cohort]
"""By hour since the epoch, of the clock of the node that assigned, and arm."""

_NOBODY = Cohort()


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a model's policy says of its rewards.

    window_hours  how long after its assignment a reward counts.
    default       the reward of a unit from which none came.
    explicit      every unit gets a reward of its own, after the same delay whatever its value: each counts
                  when it arrives, and nobody is taken for silent.
    """

    window_hours: float
    default: float = 0.0
    explicit: bool = False

    def counts(self, assigned_at: float, arrived_at: float) -> bool:
        """Whether a reward came in time; both in hours since the epoch. Before its assignment, it is skew."""
        return arrived_at - assigned_at <= self.window_hours

    def resolved(self, cohorts: Cohorts, arms: Sequence[str], now: float) -> dict[int, Pulls]:
        """The pulls of each hour that may be judged at `now`, in hours. An hour to come is not over yet."""
        told = {hour for hour, _ in cohorts if self.explicit or hour + 1 + self.window_hours <= now}
        hours, one = sorted(told), (fixed(self.default), fixed(self.default**2))
        sums = [[self._of(cohorts.get((hour, arm), _NOBODY), *one) for arm in arms] for hour in hours]
        units, total, squares = np.array(sums, np.float64).reshape(-1, len(arms), 3).transpose(2, 0, 1)
        return dict(zip(hours, map(Pulls, units, total / GRAIN, squares / GRAIN), strict=True))

    def _of(self, cohort: Cohort, default: int, square: int) -> tuple[int, int, int]:
        """Units, their rewards and squares. Rewards may be counted before the units that earned them are:
        such a unit is there for certain."""
        got = cohort.rewarded
        silent = 0 if self.explicit else max(cohort.assigned - got.n, 0)
        return got.n + silent, got.y + silent * default, got.yy + silent * square


def recent(hours: Mapping[int, Pulls], arms: int, last: int | None = None) -> Pulls:
    """The sum of the last so many hours of which anything is known, or of all."""
    newest = max(hours, default=0)
    return _sum((pulls for hour, pulls in hours.items() if last is None or hour > newest - last), arms)


def faded(hours: Mapping[int, Pulls], arms: int, half_life_hours: float) -> Pulls:
    """All hours, each counting half as much for every half-life that it is older than the newest.

    At reading: what is stored stays a sum that merges. Garivier and Moulines, ALT 2011, section 2.
    """
    newest = max(hours, default=0)
    return _sum((p.times(0.5 ** ((newest - hour) / half_life_hours)) for hour, p in hours.items()), arms)


def _sum(pulls: Iterable[Pulls], arms: int) -> Pulls:
    return reduce(Pulls.__add__, pulls, Pulls.none(arms))
