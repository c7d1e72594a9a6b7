"""How the law of releases looks: an icon and a tone for each value, a word where its own is not the best."""

from __future__ import annotations

from collections.abc import Mapping

from releases.events import Kind
from releases.lifecycle import State

STATES: Mapping[str, tuple[str, str]] = {
    State.DRAFT: ("pen", "neutral"),
    State.VALIDATING: ("spin", "info"),
    State.IN_REVIEW: ("eye", "caution"),
    State.APPROVED: ("check", "positive"),
    State.ROLLING_OUT: ("upload", "info"),
    State.LIVE: ("live", "positive"),
    State.SUPERSEDED: ("archive", "neutral"),
    State.REJECTED: ("cross", "danger"),
    State.ROLLED_BACK: ("undo", "danger"),
    State.WITHDRAWN: ("ban", "neutral"),
    State.RETIRED: ("archive", "neutral"),
}

STRATEGIES: Mapping[str, str] = {
    "single": "Single",
    "shadow": "Shadow",
    "canary": "Canary",
    "blue_green": "Blue-green",
    "ab_test": "A/B test",
    "bandit": "Bandit",
    "aa": "A/A",
}
"""What each way of bringing a version to traffic is called."""

OUTCOMES: Mapping[str, tuple[str, str]] = {
    "passed": ("check", "positive"),
    "failed": ("cross", "danger"),
    "pending": ("clock", "neutral"),
    "running": ("spin", "info"),
    "errored": ("warning", "caution"),
}

NODES: Mapping[str, tuple[str, str]] = {
    "ready": ("check", "positive"),
    "starting": ("spin", "info"),
    "catching_up": ("spin", "info"),
    "failed": ("warning", "caution"),
    "given_up": ("warning", "danger"),
    "stale": ("warning", "caution"),
    "late": ("cross", "danger"),
    "unreadable": ("warning", "caution"),
    "gone": ("ban", "neutral"),
}
NODE_WORDS = {
    "failed": "a version failed",
    "given_up": "gave up a version",
    "stale": "stale plan",
    "unreadable": "not understood",
}

VERDICTS: Mapping[str, tuple[str, str]] = {
    "approve": ("check", "positive"),
    "reject": ("cross", "danger"),
    "void": ("ban", "neutral"),
}
VERDICT_WORDS = {"approve": "approved", "reject": "rejected"}

# What was decided about a rollout, by its strategy or a person.
DECISIONS: Mapping[str, tuple[str, str]] = {
    "move": ("upload", "info"),
    "promote": ("live", "positive"),
    "roll_back": ("undo", "danger"),
    "end_trial": ("ban", "neutral"),
    "propose": ("eye", "caution"),
    "hold": ("clock", "neutral"),
    "pause": ("pause", "caution"),
    "resume": ("play", "info"),
    "accept": ("check", "positive"),
    "dismiss": ("ban", "neutral"),
}
DECISION_WORDS = {
    "move": "went on",
    "promote": "promoted",
    "roll_back": "rolled back",
    "end_trial": "ended without fault",
    "propose": "asked a person",
    "hold": "stayed",
    "pause": "paused",
    "resume": "resumed",
    "accept": "accepted",
    "dismiss": "dismissed",
}

# What a difference between two versions means.
CHANGES: Mapping[str, tuple[str, str]] = {
    "better": ("check", "positive"),
    "worse": ("cross", "danger"),
    "grave": ("warning", "caution"),
}
CHANGE_WORDS = {"grave": "exchanged"}

# What a reader of a timeline should notice at a glance.
EVENTS: Mapping[str, tuple[str, str]] = {
    Kind.GATE_FINISHED: ("check", "positive"),
    Kind.REVIEW_GIVEN: ("pen", "info"),
    Kind.RELEASE_APPROVED: ("check", "positive"),
    Kind.RELEASE_REJECTED: ("cross", "danger"),
    Kind.RELEASE_ROLLING_OUT: ("upload", "info"),
    Kind.RELEASE_LIVE: ("live", "positive"),
    Kind.RELEASE_SUPERSEDED: ("archive", "neutral"),
    Kind.RELEASE_ROLLED_BACK: ("undo", "danger"),
    Kind.RELEASE_WITHDRAWN: ("ban", "neutral"),
}
