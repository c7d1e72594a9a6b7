"""The rows of the release side, by noun."""

from releases.models.environments import Environment
from releases.models.releases import GateRun, Release, Review
from releases.models.rollouts import Rollout, Route
from releases.models.traffic import FeedbackBatch, Reward

__all__ = ["Environment", "FeedbackBatch", "GateRun", "Release", "Review", "Reward", "Rollout", "Route"]
