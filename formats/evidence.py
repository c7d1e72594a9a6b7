"""What nodes tell of the units of a rollout: facts that a set union takes in, in any order and any number.

A node tells each fact with its counters, at least once; the control plane keeps the first one of each key, so
that a unit counts once per rollout however often it comes, through whichever worker and node.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

ERRORS, TIMEOUTS, INVALID = "errors", "timeouts", "invalid_outputs"
BAD = (ERRORS, TIMEOUTS, INVALID)
"""Bad events of a request, by the names of the metrics that count them."""


class FactKind(StrEnum):
    """`SEEN`: the arm answered the unit. `PAIRED`: both versions were asked the same. `DIFFERED`: and their
    answers differed. `BAD_...`: a bad event, of the answer to a client. `ALONE_...`: of a pair, just one was
    bad. `CONTEXT`: what a unit asked, where a bandit looks at that, and which arm answered."""

    SEEN = "seen"
    CONTEXT = "context"
    PAIRED = "paired"
    DIFFERED = "differed"
    BAD_ERRORS = "errors"
    BAD_TIMEOUTS = "timeouts"
    BAD_INVALID = "invalid_outputs"
    ALONE_ERRORS = "alone/errors"
    ALONE_TIMEOUTS = "alone/timeouts"
    ALONE_INVALID = "alone/invalid_outputs"


def alone(metric: str) -> FactKind:
    """The kind of a pair of which just one answer was bad."""
    return FactKind(f"alone/{metric}")


class Fact(NamedTuple):
    """One thing about one unit, under the weights of one revision.

    version  that answered the client; of a fact about a pair, too
    about    of a fact about a pair: the challenger that is compared with the baseline; else 0
    unit     `routing.unit_hasher` of it, 0 to 2**64 - 1
    value    SEEN: how many thresholds of latency the request took longer than, -1 where it has no latency;
             ALONE_...: 1 where only the challenger was bad, 0 where only the baseline was;
             CONTEXT: the context (`formats.features`); else 0
    """

    kind: str
    revision: int
    version: int
    about: int
    unit: int
    value: int = 0

    @property
    def key(self) -> tuple[str, int, int]:
        """What there is one of in a rollout; a unit that another arm sees later has moved there."""
        return (self.kind, self.about, self.unit)


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a flush says of one rollout. `lost`: facts that were given up because there was no room."""

    facts: tuple[tuple[str, int, int, int, int, int], ...] = ()
    lost: int = 0
