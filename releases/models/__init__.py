"""The rows of the release side, by noun."""

from releases.models.environments import Environment
from releases.models.releases import GateRun, Release, Review
from releases.models.rollouts import Rollout, Route
from releases.models.traffic import (
    CounterShipment,
    FeedbackBatch,
    FeedbackShipment,
    NodeTraffic,
    PredictionSegment,
    Reward,
    Traffic,
)

__all__ = [
    "CounterShipment",
    "Environment",
    "FeedbackBatch",
    "FeedbackShipment",
    "GateRun",
    "NodeTraffic",
    "PredictionSegment",
    "Release",
    "Review",
    "Reward",
    "Rollout",
    "Route",
    "Traffic",
]
