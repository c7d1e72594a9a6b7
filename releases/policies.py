"""Who may move a release, and when. Pure: each function returns the reason why not, or nothing.

Services, the API and the buttons ask the same functions; the database repeats the four eyes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from registry.builders import keys_of_person
from registry.principals import Access
from releases.lifecycle import Action, State

SLOT_ROLES = {
    "technical": "technical_reviewer",
    "privacy": "privacy_reviewer",
    "security": "security_reviewer",
    "approval": "approver",
}


OWN_WORK = "You uploaded or built this version: it needs someone else."
LIVE_ALREADY = "This very version is live here already: there is nothing to release."
UNKNOWN_BUILDER = (
    "Who built this version is unknown here, and this model's policy wants to know: upload it with built.by"
    " naming an account."
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a policy may know about a release. `uploaders` are usernames and e-mail addresses;
    `builders` are the keys of who is named as builder, `builder_refused` says that he has no account and the
    policy wants one; `condemned` says which data gate the version failed, in this or another release."""

    state: State
    opened_by: str = ""
    slots: tuple[str, ...] = ()
    signed: dict[str, str] = field(default_factory=dict)
    uploaders: frozenset[str] = frozenset()
    builders: frozenset[str] = frozenset()
    builder_refused: bool = False
    rollout_open: bool = False
    other_rollout_open: bool = False
    can_return: bool = False
    errored_gates: bool = False
    retire_asked_by: str = ""
    already_live: bool = False
    condemned: str = ""

    @property
    def open_slots(self) -> tuple[str, ...]:
        return tuple(slot for slot in self.slots if slot not in self.signed)


def refuse_review(access: Access, facts: Facts, slot: str) -> str:
    """Four eyes: not your own upload, one slot a person, no machine, the slot's role."""
    if access.is_machine:
        return "A machine approves nothing: a person must log in."
    if facts.state != State.IN_REVIEW:
        return f"This release is {facts.state.replace('_', ' ')}: there is nothing to review."
    if slot not in facts.slots:
        return f"This model's policy has no {slot} review."
    if reason := _refuse_vain(facts) or _refuse_maker(access, facts):
        return reason
    role = SLOT_ROLES[slot]
    if not access.has_role(role):
        return f"The {slot} review needs the role {role.replace('_', ' ')}."
    if slot in facts.signed:
        return f"The {slot} review is signed already, by {facts.signed[slot]}."
    if access.username in facts.signed.values():
        return "You have signed another review of this release: one person fills one slot."
    return ""


def _refuse_vain(facts: Facts) -> str:
    """What leads nowhere is not begun, nor gone on with: the release can only be withdrawn."""
    return facts.condemned or (LIVE_ALREADY if facts.already_live else "")


def _refuse_maker(access: Access, facts: Facts) -> str:
    names = {access.username.lower(), access.email.lower()}
    if names & {uploader.lower() for uploader in facts.uploaders if uploader}:
        return OWN_WORK
    if keys_of_person(access.username, access.email) & facts.builders:
        return OWN_WORK
    return UNKNOWN_BUILDER if facts.builder_refused else ""


def _needs(*roles: str) -> Callable[[Access, Facts], str]:
    def refuse(access: Access, facts: Facts) -> str:
        if not access.allows("release"):
            return "This token lacks the scope release for this model."
        if access.has_role(*roles):
            return ""
        return f"This needs the role {' or '.join(roles).replace('_', ' ')}."

    return refuse


def _submit(access: Access, facts: Facts) -> str:
    return _refuse_vain(facts) or _needs("contributor", "release_manager")(access, facts)


ANOTHER_ROLLOUT = "Another rollout of this model is open: finish it or roll it back first."
GOING_BACK = "This release is on its way back already."
NOTHING_TO_RESTORE = (
    "There is nothing to restore: no other version that may serve was live here before."
    " Clients can only be left without an answer: take the model offline for that."
)


def _start(access: Access, facts: Facts) -> str:
    if reason := _refuse_vain(facts):
        return reason
    if facts.other_rollout_open:
        return ANOTHER_ROLLOUT
    return _needs("release_manager")(access, facts)


def _roll_back(access: Access, facts: Facts) -> str:
    return refuse_way_back(facts) or _needs("release_manager")(access, facts)


def refuse_way_back(facts: Facts) -> str:
    """Why nobody can roll a live release back now. One that is rolling out can always turn around."""
    if facts.state != State.LIVE:
        return ""
    return _refuse_meanwhile(facts) or ("" if facts.can_return else NOTHING_TO_RESTORE)


def _refuse_meanwhile(facts: Facts) -> str:
    """Two ways of the same traffic at once would undo each other."""
    if facts.rollout_open:
        return GOING_BACK
    return ANOTHER_ROLLOUT if facts.other_rollout_open else ""


def _retire(access: Access, facts: Facts) -> str:
    if access.is_machine:
        return "Taking a model offline is for people."
    if reason := _refuse_meanwhile(facts):
        return reason
    if facts.retire_asked_by == access.username:
        return "You asked for this: a second person must agree."
    return _needs("release_manager", "approver")(access, facts)


def _by_itself(access: Access, facts: Facts) -> str:
    return "Assay does this by itself."


def _promote(access: Access, facts: Facts) -> str:
    return "The rollout promotes it by itself when the nodes have answered."


def _end_trial(access: Access, facts: Facts) -> str:
    return "A single release has no trial to end: roll it back."


RULES: dict[Action, Callable[[Access, Facts], str]] = {
    Action.SUBMIT: _submit,
    Action.WITHDRAW: _needs("contributor", "release_manager"),
    Action.START_ROLLOUT: _start,
    Action.ROLL_BACK: _roll_back,
    Action.RETIRE: _retire,
    Action.PROMOTE: _promote,
    Action.END_TRIAL: _end_trial,
    Action.PASS_GATES: _by_itself,
    Action.FAIL_GATES: _by_itself,
    Action.APPROVE: _by_itself,
    Action.REJECT: _by_itself,
    Action.SUPERSEDE: _by_itself,
    Action.RESTORE: _by_itself,
}


def condemned(number: int, gate: str, release: int) -> str:
    """Why a version that failed a data gate goes no further, and what does."""
    return (
        f"Version {number} failed the {gate.replace('_', ' ')} gate in release {release}: it can never be"
        " served. Upload a version that is mended; what was wrong stands in that gate's evidence."
    )


def refuse_open(access: Access, condemned: str = "", already_live: bool = False) -> str:
    """Opening a release for a version; `condemned` is why no release of it may be opened."""
    return _submit(access, Facts(State.DRAFT, condemned=condemned, already_live=already_live))


def refuse_action(action: Action, access: Access, facts: Facts) -> str:
    """Why this person may not do this now; the law itself is asked by `lifecycle.target`."""
    return RULES[action](access, facts)


def refuse_retry(access: Access, facts: Facts) -> str:
    """Running the gates that ended in an error of ours again."""
    if facts.state != State.VALIDATING or not facts.errored_gates:
        return "No gate of this release ended in an error."
    return _refuse_vain(facts) or _needs("contributor", "release_manager")(access, facts)


def refuse_predictions(access: Access) -> str:
    """What clients sent and were told: for those who answer for the release or for privacy, and auditors."""
    if not access.allows("audit-read"):
        return "This token lacks the scope audit-read for this model."
    if access.has_role("release_manager", "privacy_reviewer", "auditor"):
        return ""
    return "Reading logged answers needs the role release manager, privacy reviewer or auditor."
