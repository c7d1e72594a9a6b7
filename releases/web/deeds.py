"""The buttons of a release: what each is called, how it looks, and what it says before it acts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.urls import reverse

from releases import actions
from releases.actions import HOURS, SHARE, Row
from releases.lifecycle import Action
from releases.web import going_back
from releases.web.going_back import WayBack

if TYPE_CHECKING:
    from releases.models import Release


@dataclass(frozen=True, slots=True)
class Look:
    """How one action is shown. `quiet` ones stand apart from what a reader came for."""

    label: str
    icon: str
    tone: str
    warning: str


@dataclass(frozen=True, slots=True)
class Deed:
    """One action as a button: its look, what its dialog asks for, and where that is sent.

    `hours`, `share`: it is said how long it lasts, or how many units it is for. `way_back` tells what answers
    after a roll-back. Without a dialog the button leads to a page. `about` is sent along, where a page has
    the same action for several versions.
    """

    action: str
    label: str
    look: Look
    grounds: bool
    typed: bool
    post: str
    way_back: WayBack | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    hours: bool = False
    share: bool = False

    @property
    def key(self) -> str:
        """What the page knows it by."""
        return "-".join((self.action, *self.about.values()))

    @property
    def address(self) -> str:
        return self.way_back.address if self.way_back and not self.dialog else f"#do-{self.key}"

    @property
    def dialog(self) -> bool:
        return self.way_back is None or self.way_back.direct


LOOKS: dict[str, Look] = {
    Action.START_ROLLOUT: Look(
        "Start the rollout",
        "upload",
        "primary",
        "Every node loads and checks it first; clients notice nothing until all of them are ready, and it"
        " goes back by itself when anything is wrong.",
    ),
    "join_rollout": Look(
        "Join the rollout",
        "upload",
        "primary",
        "It takes part in the rollout that is open, as one more version beside the live one. Every node loads"
        " and checks it first. In a shadow it is asked unseen; else units are answered by it at once, before"
        " any of its answers was compared. Where shares are fixed they were the live version's: nobody"
        " else is moved.",
    ),
    Action.SUBMIT: Look(
        "Submit",
        "play",
        "primary",
        "The gates begin to prove the version. Its policy is frozen as it stands now.",
    ),
    Action.WITHDRAW: Look(
        "Withdraw",
        "ban",
        "quiet",
        "The release ends here and can never serve. The version stays; another release can be opened for it.",
    ),
    Action.RETIRE: Look(
        "Take the model offline",
        "archive",
        "quiet",
        "Clients of this model get no answer any more. It takes two people: the first asks, the second"
        " agrees.",
    ),
    "override_freeze": Look(
        "Override the freeze",
        "lock",
        "plain",
        "One start, step or promotion of this release is let through, once. It takes two people, each with"
        " grounds: the first asks, the second agrees.",
    ),
    "accept_proposal": Look(
        "Accept",
        "check",
        "primary",
        "What is proposed is done at once, if the evidence is still what it was when it was asked.",
    ),
    "dismiss_proposal": Look(
        "Dismiss",
        "ban",
        "plain",
        "The rollout goes on as it is, and asks again when its evidence has changed.",
    ),
    Action.PROMOTE: Look(
        "Promote",
        "live",
        "plain",
        "All units are answered by the new version, whether the evidence is complete or not. What was live"
        " stays loaded for an instant return.",
    ),
    Action.END_TRIAL: Look(
        "End the trial",
        "ban",
        "plain",
        "All units are answered by the live version again. The release is left as approved: it lost without"
        " fault, and may be tried again.",
    ),
    "run_aa": Look(
        "Run an A/A",
        "scale",
        "quiet",
        "Half of the units are answered by this version once more, under another name: the same answers,"
        " counted and tested as in an A/B test. A difference found here is a fault of the measurement. It"
        " ends by itself with a verdict; clients notice nothing, and each request is computed twice.",
    ),
    "end_aa": Look(
        "End the A/A run",
        "ban",
        "plain",
        "It ends now, without a verdict. Clients are answered by this version, as all the time.",
    ),
    "pause": Look(
        "Pause",
        "pause",
        "plain",
        "Shares stay as they are and nothing goes on. It still counts, and would still go back by itself.",
    ),
    "resume": Look(
        "Resume",
        "play",
        "plain",
        "The rollout goes on from where it was paused.",
    ),
    Action.ROLL_BACK: Look(
        "Roll back",
        "undo",
        "danger",
        "This release is over; its version stays.",
    ),
}


ANSWERS = frozenset({"accept_proposal", "dismiss_proposal"})
"""These stand beside the question."""


def buttons(
    release: Release, choices: Iterable[tuple[Row, str]], route: str = "release-action", pk: int = 0
) -> list[Deed]:
    """What this person can do, in the order in which it is shown; asked for at `route`, of `pk` there."""
    open_rows = {row.name: row for row, reason in choices if not reason}
    asked = [(open_rows[name], look) for name, look in LOOKS.items() if name in open_rows]
    return [
        _deed(release, row, look, reverse(route, args=[pk or release.pk, row.name])) for row, look in asked
    ]


def _deed(release: Release, row: Row, look: Look, post: str) -> Deed:
    back = going_back.way_back(release) if row.step == Action.ROLL_BACK else None
    typed = actions.asks_for_the_name(row, release)
    shown, said = back.label if back else look.label, row.takes
    return Deed(
        row.name, shown, look, "grounds" in said, typed, post, back, hours=HOURS in said, share=SHARE in said
    )


def refused(choices: Iterable[tuple[Row, str]]) -> list[tuple[str, str]]:
    """What this person may not do, and why."""
    return [(label(row), reason) for row, reason in choices if reason]


def label(row: Row) -> str:
    """What an action is called where it is no button."""
    look = LOOKS.get(row.name)
    return look.label if look else row.name.replace("_", " ").capitalize()
