"""The forecast of a rollout: of one that may be started, or of one from where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from registry import model_policy
from registry.errors import Conflict
from registry.models import RegisteredModel
from releases import selectors
from releases.models import Environment, Rollout
from releases.rollout import earlier, staging
from releases.rollout.designs.design import Design, Kind, Mode
from releases.rollout.documents import lists
from releases.rollout.forecasting.ahead import Outlook, outlook

LATELY_S = 600
"""A forecast does not change from second to second: it is made anew so often at most."""
_NEW = "0"
"""Stands for the version that would be started: what is foretold does not ask for its number."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A rollout as designed, and what is foreseen of it."""

    design: Design
    outlook: Outlook


def of_strategy(
    model: RegisteredModel, environment: Environment, strategy: Mapping[str, object], now: datetime
) -> Foreseen:
    """From its start, beside what is live there. Raises BadInput, and Conflict where nothing is foretold."""
    live = selectors.champion(model, environment)
    if live is None:
        raise Conflict(f"No version is live in {environment}: the first one goes out at once.")
    policy = model_policy.parse(model.policy)
    design = staging.designed(
        lists.spelled_out(strategy, policy),
        _NEW,
        str(live.version.number),
        catalogue=policy.metrics,
        mode=Mode(policy.mode),
    )
    if design.kind is Kind.SINGLE:
        raise Conflict("It goes out all at once: there is nothing to wait for.")
    past = earlier.past(live, now)
    if past is None:
        raise Conflict(
            "There is no whole hour in the last week in which anything has asked this model: nothing can be"
            " foretold yet."
        )
    return Foreseen(design, outlook(design, past))


def of_rollout(rollout: Rollout, now: datetime) -> Foreseen | None:
    """From where it stands; None where it is over, or nothing is known to play it on."""
    if not rollout.by_stages or rollout.closed_at is not None or rollout.previous is None:
        return None
    past = earlier.past(rollout.previous, now)
    if past is None:
        return None
    design, standing = staging.design_of(rollout), staging.standing_of(rollout)
    return Foreseen(design, outlook(design, past, standing.stage, lately(now.timestamp() - standing.since)))


def lately(seconds: float) -> float:
    """So long as of the last ten minutes."""
    return seconds // LATELY_S * LATELY_S
