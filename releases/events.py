"""What can happen on the release side, and which event each step of the lifecycle leaves."""

from __future__ import annotations

from enum import StrEnum

from releases.lifecycle import Action


class Kind(StrEnum):
    """Kinds of events; `docs/events.md` says what each one carries."""

    ENVIRONMENT_CREATED = "environment.created"
    FREEZE_MADE = "freeze.made"
    FREEZE_REMOVED = "freeze.removed"
    OVERRIDE_ASKED = "override.asked"
    OVERRIDE_AGREED = "override.agreed"
    OVERRIDE_USED = "override.used"
    RELEASE_OPENED = "release.opened"
    RELEASE_VALIDATING = "release.validating"
    RELEASE_IN_REVIEW = "release.in_review"
    RELEASE_REJECTED = "release.rejected"
    RELEASE_APPROVED = "release.approved"
    RELEASE_ROLLING_OUT = "release.rolling_out"
    RELEASE_LIVE = "release.live"
    RELEASE_SUPERSEDED = "release.superseded"
    RELEASE_ROLLED_BACK = "release.rolled_back"
    RELEASE_RESTORED = "release.restored"
    RELEASE_TRIAL_ENDED = "release.trial_ended"
    RELEASE_WITHDRAWN = "release.withdrawn"
    RELEASE_RETIRED = "release.retired"
    RETIREMENT_ASKED = "retirement.asked"
    GATE_STARTED = "gate.started"
    GATE_FINISHED = "gate.finished"
    GATES_RETRIED = "gates.retried"
    REVIEW_GIVEN = "review.given"
    ROLLOUT_STARTED = "rollout.started"
    ROLLOUT_MOVED = "rollout.moved"
    ROLLOUT_REVERTING = "rollout.reverting"
    ROLLOUT_FINISHED = "rollout.finished"
    ROLLOUT_BEGUN = "rollout.begun"
    ROLLOUT_STAGE_BEGUN = "rollout.stage_begun"
    ROLLOUT_DECIDED = "rollout.decided"
    ROLLOUT_JOINED = "rollout.joined"
    ROLLOUT_PAUSED = "rollout.paused"
    ROLLOUT_RESUMED = "rollout.resumed"
    LABEL_GIVEN = "label.given"
    LABEL_UNDONE = "label.undone"
    PROPOSAL_CLOSED = "proposal.closed"
    BREAKER_TRIPPED = "breaker.tripped"
    ROUTE_REVISED = "route.revised"
    FEEDBACK_INGESTED = "feedback.ingested"
    OUTCOMES_INGESTED = "outcomes.ingested"


OF_ACTION = {
    Action.SUBMIT: Kind.RELEASE_VALIDATING,
    Action.PASS_GATES: Kind.RELEASE_IN_REVIEW,
    Action.FAIL_GATES: Kind.RELEASE_REJECTED,
    Action.APPROVE: Kind.RELEASE_APPROVED,
    Action.REJECT: Kind.RELEASE_REJECTED,
    Action.START_ROLLOUT: Kind.RELEASE_ROLLING_OUT,
    Action.PROMOTE: Kind.RELEASE_LIVE,
    Action.ROLL_BACK: Kind.RELEASE_ROLLED_BACK,
    Action.END_TRIAL: Kind.RELEASE_TRIAL_ENDED,
    Action.SUPERSEDE: Kind.RELEASE_SUPERSEDED,
    Action.RESTORE: Kind.RELEASE_RESTORED,
    Action.RETIRE: Kind.RELEASE_RETIRED,
    Action.WITHDRAW: Kind.RELEASE_WITHDRAWN,
}
