"""What a rollout is judged by: the catalogue of metrics, and how alpha is spent over them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from registry.catalogue import MOST_VALUE
from releases.rollout.counts import Seen


class MetricKind(StrEnum):
    """`BAD_EVENT` is yes or no per unit; `BOUNDED` a value in [low, high]; `LATENCY` comes with every
    rollout; `REAL` and `RATIO` are shown with intervals and decide nothing by themselves."""

    BAD_EVENT = "bad_event"
    BOUNDED = "bounded"
    REAL = "real"
    RATIO = "ratio"
    LATENCY = "latency"


class Direction(StrEnum):
    LOWER = "lower"
    HIGHER = "higher"


class Action(StrEnum):
    """What a metric's verdict does: return by itself, keep from being promoted, or be said."""

    ROLL_BACK = "roll_back"
    HOLD = "hold"
    TELL = "tell"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A latency that was fixed before the rollout, out of the baseline's last complete day.

    expected    share of the baseline's requests that take longer: 0.01 for its p99
    """

    name: str
    ms: float
    expected: float


_NOTHING = Seen()


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing to judge by.

    direction   which way is better
    margin      how much worse a version may be and still be promoted: `relative` 0.5 is half as much again
    weight      its part of alpha, beside the weights of the others
    own         a bad event of this kind is the model's own failure, whatever goes on around it
    guardrail   comes with every rollout; may be tightened, not removed
    limit       share of bad units beyond which a person is paged, in whichever arm they are
    negligible  share of bad units under which a version is as good as without any
    low, high   the range of a bounded metric
    slack_ms    of latency: so much more of a challenger is no difference
    centre      m of a bounded metric's first bets, before anything is known of the live version
    default     the value of a unit of which nothing came in time
    window_hours   how long after its cohort was gathered a unit's value may come
    span_s      how many seconds a cohort is gathered: `evidence.cohorts.span_of` its window
    before      requests to the version that was live before, and bad ones among them; fixed with the rollout
    """

    name: str
    kind: MetricKind = MetricKind.BAD_EVENT
    direction: Direction = Direction.LOWER
    margin: float = 0.5
    relative: bool = True
    weight: float = 1.0
    action: Action = Action.ROLL_BACK
    own: bool = False
    guardrail: bool = False
    limit: float | None = None
    negligible: float = 0.001
    low: float = 0.0
    high: float = 1.0
    centre: float = 0.5
    thresholds: tuple[Threshold, ...] = ()
    slack_ms: float = 0.0
    default: float = 0.0
    window_hours: float = 24.0
    span_s: int = 3600
    before: Seen = _NOTHING

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest value that a unit may have."""
        if self.kind in (MetricKind.REAL, MetricKind.RATIO):
            return -MOST_VALUE, MOST_VALUE
        return self.low, self.high

    @property
    def allowed(self) -> float:
        """The risk ratio under which a version may be promoted."""
        return 1 + self.margin


ERRORS, TIMEOUTS, INVALID, LATENCY = "errors", "timeouts", "invalid_outputs", "latency"

GUARDRAILS = (
    Metric(ERRORS, own=True, guardrail=True, weight=2.0),
    Metric(TIMEOUTS, own=True, guardrail=True),
    Metric(INVALID, own=True, guardrail=True),
    Metric(LATENCY, MetricKind.LATENCY, guardrail=True, action=Action.HOLD),
)
"""What every rollout is judged by. Slower is not broken: latency holds unless a policy says more."""


def alpha_of(metric: Metric, metrics: Iterable[Metric], total: float) -> float:
    """The metric's part of alpha, by weight (Bonferroni): of all together at most `total`."""
    return total * metric.weight / sum(each.weight for each in metrics)
