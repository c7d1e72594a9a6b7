"""The whole law of a release: which action leads from which state to which. Pure.

Buttons on the page, the `actions` list in the API and the law are this one table, filtered by
policy. Raising a canary's share is not a state; it is the rollout's weights.
"""

from __future__ import annotations

from enum import StrEnum

from releases.errors import IllegalTransition


class State(StrEnum):
    DRAFT = "draft"
    VALIDATING = "validating"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    ROLLING_OUT = "rolling_out"
    LIVE = "live"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled_back"
    WITHDRAWN = "withdrawn"
    RETIRED = "retired"


ON_THEIR_WAY = (State.DRAFT, State.VALIDATING, State.IN_REVIEW, State.APPROVED, State.ROLLING_OUT)


class Action(StrEnum):
    SUBMIT = "submit"
    PASS_GATES = "pass_gates"
    FAIL_GATES = "fail_gates"
    APPROVE = "approve"
    REJECT = "reject"
    START_ROLLOUT = "start_rollout"
    PROMOTE = "promote"
    END_TRIAL = "end_trial"
    ROLL_BACK = "roll_back"
    SUPERSEDE = "supersede"
    RESTORE = "restore"
    RETIRE = "retire"
    WITHDRAW = "withdraw"


STEPS: dict[tuple[State, Action], State] = {
    (State.DRAFT, Action.SUBMIT): State.VALIDATING,
    (State.VALIDATING, Action.PASS_GATES): State.IN_REVIEW,
    (State.VALIDATING, Action.FAIL_GATES): State.REJECTED,
    (State.IN_REVIEW, Action.APPROVE): State.APPROVED,
    (State.IN_REVIEW, Action.REJECT): State.REJECTED,
    (State.APPROVED, Action.START_ROLLOUT): State.ROLLING_OUT,
    (State.ROLLING_OUT, Action.PROMOTE): State.LIVE,
    (State.ROLLING_OUT, Action.ROLL_BACK): State.ROLLED_BACK,
    (State.ROLLING_OUT, Action.END_TRIAL): State.APPROVED,
    (State.LIVE, Action.SUPERSEDE): State.SUPERSEDED,
    (State.LIVE, Action.ROLL_BACK): State.ROLLED_BACK,
    (State.LIVE, Action.RETIRE): State.RETIRED,
    (State.SUPERSEDED, Action.RESTORE): State.LIVE,
    (State.DRAFT, Action.WITHDRAW): State.WITHDRAWN,
    (State.VALIDATING, Action.WITHDRAW): State.WITHDRAWN,
    (State.IN_REVIEW, Action.WITHDRAW): State.WITHDRAWN,
    (State.APPROVED, Action.WITHDRAW): State.WITHDRAWN,
}

FINAL = frozenset({State.REJECTED, State.ROLLED_BACK, State.WITHDRAWN, State.RETIRED})


def target(state: State, action: Action) -> State:
    """Where `action` leads from `state`. Raises IllegalTransition with what would be possible."""
    try:
        return STEPS[state, action]
    except KeyError:
        possible = ", ".join(actions(state)) or "nothing more"
        raise IllegalTransition(
            f"A release that is {state.replace('_', ' ')} cannot {action.replace('_', ' ')}: "
            f"possible is {possible}.",
            state=state,
            action=action,
        ) from None


def actions(state: State) -> list[Action]:
    """What the law allows from `state`, in the order of the table."""
    return [action for (source, action) in STEPS if source == state]
