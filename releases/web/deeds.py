"""The buttons of a release: what each is called, what it says before it acts, and which service it calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from releases.lifecycle import Action
from releases.services import opening, rollouts

Service = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Deed:
    """One action as a button.

    `fresh` asks for a password typed not long ago, `typed` for the model's name (in production).
    """

    action: Action
    label: str
    icon: str
    tone: str
    warning: str
    service: Service
    grounds: bool = True
    fresh: bool = False
    typed: bool = False


def _submit(release: Any, *, by: Any, grounds: str) -> Any:
    return opening.submit_release(release, by=by)


_ALL = (
    Deed(
        Action.START_ROLLOUT,
        "Start the rollout",
        "upload",
        "primary",
        "Every node loads and checks it first; clients notice nothing until all of them are ready, and it"
        " goes back by itself when anything is wrong.",
        rollouts.start_rollout,
        fresh=True,
    ),
    Deed(
        Action.SUBMIT,
        "Submit",
        "play",
        "primary",
        "The gates begin to prove the version. Its policy is frozen as it stands now.",
        _submit,
        grounds=False,
    ),
    Deed(
        Action.WITHDRAW,
        "Withdraw",
        "ban",
        "quiet",
        "The release ends here and can never serve. The version stays; another release can be opened for it.",
        opening.withdraw,
    ),
    Deed(
        Action.RETIRE,
        "Take the model offline",
        "archive",
        "quiet",
        "Clients of this model get no answer any more. It takes two people: the first asks, the second"
        " agrees.",
        rollouts.retire,
        fresh=True,
        typed=True,
    ),
    Deed(
        Action.ROLL_BACK,
        "Roll back",
        "undo",
        "danger",
        "Clients are answered by the version before it, within a second. This release is over; its version"
        " stays.",
        rollouts.roll_back,
        typed=True,
    ),
)
DEEDS: dict[Action, Deed] = {deed.action: deed for deed in _ALL}
