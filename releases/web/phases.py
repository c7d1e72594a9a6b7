"""The phases of a switch as a strip: which are done, which is under way, and where it turned back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from releases.models import Rollout

PHASES = (
    ("preparing", "Prepare", "every node fetches, verifies, loads and warms it"),
    ("committing", "Commit, closed", "loaded everywhere, answering no client"),
    ("verifying", "Verify", "each worker is called from outside and compared"),
    ("opening", "Open", "clients are answered with it"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One phase of a rollout: done, now, failed or ahead."""

    name: str
    what: str
    state: str


def steps(rollout: Rollout | None) -> list[Step]:
    """Where a rollout is; one that went back shows the phase it stopped in as failed."""
    if rollout is None:
        return []
    names = [phase for phase, _, _ in PHASES]
    switch = rollout.switch
    back, phase = switch.went_back, switch.turned_in or switch.phase
    at = names.index(phase) if phase in names else len(names)
    if not rollout.has_begun:
        at = -1
    told = []
    for index, (_, label, what) in enumerate(PHASES):
        state = "done" if index < at else "ahead"
        if index == at:
            state = "failed" if back else "now"
        told.append(Step(label, what, state))
    return told
