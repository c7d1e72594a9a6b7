"""The rows of the release side, by noun."""

from releases.models.environments import Environment
from releases.models.releases import GateRun, Release, Review, Trip
from releases.models.rollouts import Arm, Rollout, Route, Stage, Switch
from releases.models.traffic import (
    CounterShipment,
    FeedbackBatch,
    FeedbackShipment,
    NodeTraffic,
    PredictionSegment,
    Reward,
    StageTraffic,
    Traffic,
)

__all__ = [
    "Arm",
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
    "Stage",
    "StageTraffic",
    "Switch",
    "Traffic",
    "Trip",
]
