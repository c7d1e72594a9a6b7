"""The buttons of a release: what each is called, how it looks, and what it says before it acts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from releases import actions
from releases.actions import Row
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
    """One action as a button: its look, and what its dialog asks for.

    `way_back` tells what answers after a roll-back. Without a dialog the button leads to a page.
    """

    action: str
    label: str
    look: Look
    grounds: bool
    typed: bool
    way_back: WayBack | None = None

    @property
    def address(self) -> str:
        return self.way_back.address if self.way_back else f"#do-{self.action}"

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
    Action.ROLL_BACK: Look(
        "Roll back",
        "undo",
        "danger",
        "This release is over; its version stays.",
    ),
}


def buttons(release: Release, choices: Iterable[tuple[Row, str]]) -> list[Deed]:
    """What this person can do, in the order in which it is shown."""
    open_rows = {row.name: row for row, reason in choices if not reason}
    return [_deed(release, open_rows[name], look) for name, look in LOOKS.items() if name in open_rows]


def _deed(release: Release, row: Row, look: Look) -> Deed:
    back = going_back.way_back(release) if row.step == Action.ROLL_BACK else None
    typed = actions.asks_for_the_name(row, release)
    return Deed(row.name, back.label if back else look.label, look, "grounds" in row.takes, typed, back)


def label(row: Row) -> str:
    """What an action is called where it is no button."""
    look = LOOKS.get(row.name)
    return look.label if look else row.name.replace("_", " ").capitalize()
