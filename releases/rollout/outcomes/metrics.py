"""Which metrics of a rollout are about what became of its units."""

from __future__ import annotations

from releases.rollout.designs.design import Design, Kind
from releases.rollout.designs.metrics import Metric
from releases.rollout.strategies import bandit


def measured(design: Design) -> dict[str, Metric]:
    """All but the guardrails, which nodes count by themselves; and what a bandit follows, declared or not."""
    found = {metric.name: metric for metric in design.metrics if not metric.guardrail}
    if followed := followed_by(design):
        found.setdefault(followed.name, followed)
    return found


def followed_by(design: Design) -> Metric | None:
    """What a bandit's shares follow, with its window; None where nothing does."""
    return bandit.reward(design) if design.kind is Kind.BANDIT else None
