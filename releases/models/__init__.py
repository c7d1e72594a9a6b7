"""The rows of the release side, by noun."""

from releases.models.environments import Environment
from releases.models.evidence import Decision, EvidencePoint, NodeReport, Proposal, UnitCount, UnitFact
from releases.models.freezes import FreezeOverride, FreezeWindow
from releases.models.labels import Judgement
from releases.models.outcomes import ANY, CohortMark, CohortSum, UnitOutcome, WeighedSum
from releases.models.releases import AskedSlot, GateRun, Release, Review, Trip
from releases.models.rollouts import Arm, NamedUnits, Rollout, Route, Stage, Switch
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
    "ANY",
    "Arm",
    "AskedSlot",
    "CohortMark",
    "CohortSum",
    "CounterShipment",
    "Decision",
    "Environment",
    "EvidencePoint",
    "FeedbackBatch",
    "FeedbackShipment",
    "FreezeOverride",
    "FreezeWindow",
    "GateRun",
    "Judgement",
    "NamedUnits",
    "NodeReport",
    "NodeTraffic",
    "PredictionSegment",
    "Proposal",
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
    "UnitCount",
    "UnitFact",
    "UnitOutcome",
    "WeighedSum",
]
