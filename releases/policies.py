"""Who may move a release, and when. Pure: each function returns the reason why not, or nothing.

Services, the API and the buttons ask the same functions; the database repeats the four eyes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from registry.builders import keys_of_person
from registry.principals import Access
from releases.lifecycle import Action, State
from releases.windows import Freeze

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
    policy wants one; `condemned` says which data gate the version failed, in this or another release.
    `against_itself`: an A/A run of it is under way; `under_way` is the key of the rollout that is open there,
    whosever it is. `asks_for` is what its rollout asks a person for; `freeze` is on where it goes, and
    `starts_later` says that its rollout is planned for a time to come; an override was asked for, or lets it
    through. `asked_through`: all versions that `asks_for` is about have one;
    others' rollout that is open there is `joinable`: it takes more versions."""

    state: State
    opened_by: str = ""
    slots: tuple[str, ...] = ()
    signed: dict[str, str] = field(default_factory=dict)
    uploaders: frozenset[str] = frozenset()
    builders: frozenset[str] = frozenset()
    builder_refused: bool = False
    rollout_open: bool = False
    joinable: bool = False
    other_rollout_open: bool = False
    against_itself: bool = False
    under_way: int = 0
    can_return: bool = False
    by_stages: bool = False
    paused: bool = False
    asks_for: str = ""
    asks_back: bool = False
    errored_gates: bool = False
    retire_asked_by: str = ""
    already_live: bool = False
    condemned: str = ""
    freeze: Freeze | None = None
    starts_later: bool = False
    override_asked_by: str = ""
    let_through: bool = False
    asked_through: bool = False

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
AA_UNDER_WAY = "An A/A run of this release is under way: end that first."
GOING_BACK = "This release is on its way back already."
WAY_THROUGH = (
    "It waits until then. For this release alone a release manager can ask for an override, and a second"
    " person, a release manager or an approver, agrees."
)
NO_FREEZE = "No freeze is on here."
NOTHING_ASKED = "This rollout asks for nothing now."
NOTHING_TO_RESTORE = (
    "There is nothing to restore: no other version that may serve was live here before."
    " Clients can only be left without an answer: take the model offline for that."
)


def refuse_forward(facts: Facts) -> str:
    """Why nothing new may reach clients now: a freeze is on. What goes back is never asked."""
    if facts.freeze is None or facts.let_through:
        return ""
    return frozen_words(facts.freeze)


def frozen_words(freeze: Freeze, without_leave: int | None = None) -> str:
    """That a freeze is on, until when, and what can be done; of several versions which has no leave."""
    beside = f" Version {without_leave} takes part and has no leave." if without_leave is not None else ""
    return f"{_first(str(freeze))}.{beside} {WAY_THROUGH}"


def refuse_override(access: Access, facts: Facts) -> str:
    """Letting one release through a freeze: one person asks, another agrees."""
    if access.is_machine:
        return "A machine overrides no freeze: a person must log in."
    if facts.freeze is None:
        return NO_FREEZE
    if facts.let_through:
        return "An override stands already: the next start, step or promotion is let through."
    if not _goes_on(facts):
        return "This release has nothing to start or to move."
    if facts.override_asked_by == access.username:
        return "You asked for this: a second person must agree."
    return _needs("release_manager", *(["approver"] if facts.override_asked_by else []))(access, facts)


def _goes_on(facts: Facts) -> bool:
    return facts.state == State.APPROVED or (facts.state == State.ROLLING_OUT and facts.by_stages)


def may_ask_override(facts: Facts) -> bool:
    """Whether an override is what comes next, for whoever may."""
    return facts.freeze is not None and not facts.let_through and _goes_on(facts)


def refuse_freezing(access: Access) -> str:
    """Making and removing freezes of an environment; `access` is that to the installation, for a freeze
    concerns every model."""
    if access.is_machine:
        return "A machine freezes nothing: a person must log in."
    if access.has_role("release_manager", "admin"):
        return ""
    return "Freezes are made and removed by an admin or by a release manager of all models."


def _start(access: Access, facts: Facts) -> str:
    if reason := _refuse_vain(facts):
        return reason
    if facts.other_rollout_open:
        return ANOTHER_ROLLOUT
    return (not facts.starts_later and refuse_forward(facts)) or _needs("release_manager")(access, facts)


NOTHING_TO_JOIN = (
    "No rollout is open here that it could join: a shadow, an A/B test or a bandit of another version takes"
    " more versions, unless it is paused."
)


def refuse_join(access: Access, facts: Facts) -> str:
    """Why an approved release may not join the rollout of others that is open where it goes."""
    if not may_join(facts):
        return NOTHING_TO_JOIN
    return _refuse_vain(facts) or refuse_forward(facts) or _needs("release_manager")(access, facts)


def may_join(facts: Facts) -> bool:
    """Whether there is a rollout for it to join, whoever may."""
    return facts.state == State.APPROVED and facts.joinable


def refuse_part(facts: Facts) -> str:
    """Why a release may not take part in another one's rollout."""
    return _refuse_vain(facts)


def _roll_back(access: Access, facts: Facts) -> str:
    return refuse_way_back(facts) or _needs("release_manager")(access, facts)


def refuse_way_back(facts: Facts) -> str:
    """Why nobody can roll a live release back now. One that is rolling out can always turn around."""
    if facts.state != State.LIVE:
        return ""
    meanwhile = "" if facts.against_itself else _refuse_meanwhile(facts)  # which ends with it
    return meanwhile or ("" if facts.can_return else NOTHING_TO_RESTORE)


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]


def _refuse_meanwhile(facts: Facts) -> str:
    """Two ways of the same traffic at once would undo each other."""
    if facts.rollout_open:
        return GOING_BACK
    if facts.against_itself:
        return AA_UNDER_WAY
    return ANOTHER_ROLLOUT if facts.other_rollout_open else ""


def _retire(access: Access, facts: Facts) -> str:
    if access.is_machine:
        return "Taking a model offline is for people."
    if reason := _refuse_meanwhile(facts):
        return reason
    if facts.retire_asked_by == access.username:
        return "You asked for this: a second person must agree."
    return _needs("release_manager", "approver")(access, facts)


NOT_LIVE = "Only what is live stands beside itself in an A/A run."
NO_AA = "No A/A run of this release is under way."


def refuse_aa(access: Access, facts: Facts) -> str:
    """Comparing a live release with itself: it shares out units, as whatever starts."""
    if facts.state != State.LIVE:
        return NOT_LIVE
    return _refuse_meanwhile(facts) or refuse_forward(facts) or _needs("release_manager")(access, facts)


def refuse_end_aa(access: Access, facts: Facts) -> str:
    """Ending that before its time."""
    return _needs("release_manager")(access, facts) if facts.against_itself else NO_AA


def _by_itself(access: Access, facts: Facts) -> str:
    return "Assay does this by itself."


def _promote(access: Access, facts: Facts) -> str:
    if not facts.by_stages:
        return "The rollout promotes it by itself when the nodes have answered."
    return refuse_forward(facts) or _needs("release_manager")(access, facts)


def _end_trial(access: Access, facts: Facts) -> str:
    if not facts.by_stages:
        return "A single release has no trial to end: roll it back."
    return _needs("release_manager")(access, facts)


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


FORWARD = frozenset({"move", "promote"})
"""What a rollout may ask for that brings more of the version to clients."""
NO_STAGES = "This release has no rollout by stages under way."
STEERING: dict[str, Callable[[Facts], str]] = {
    "promote": lambda facts: "",
    "end_trial": lambda facts: "",
    "pause": lambda facts: "This rollout is paused already." if facts.paused else "",
    "resume": lambda facts: "" if facts.paused else "This rollout is not paused.",
    "accept_proposal": lambda facts: "" if facts.asks_for else NOTHING_ASKED,
    "dismiss_proposal": lambda facts: "" if facts.asks_for else NOTHING_ASKED,
}
"""Why there is nothing to do of it, for a rollout by stages that is under way."""
may_steer = _needs("release_manager")
"""Why this person may not decide about a rollout."""


def nothing_to_steer(action: str, facts: Facts) -> str:
    """Why nobody can do this to the release's rollout now."""
    return STEERING[action](facts) if facts.by_stages else NO_STAGES


def refuse_steering(action: str) -> Callable[[Access, Facts], str]:
    return lambda access, facts: (
        nothing_to_steer(action, facts) or _frozen_step(action, facts) or may_steer(access, facts)
    )


def _frozen_step(action: str, facts: Facts) -> str:
    """What is asked for may be about other versions than this one."""
    goes_forward = action == "accept_proposal" and facts.asks_for in FORWARD
    return frozen_words(facts.freeze) if goes_forward and facts.freeze and not facts.asked_through else ""


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


def refuse_labels(access: Access) -> str:
    """Judging which of two answers was right: it shows what clients sent, to those who may know it."""
    if not access.allows("feedback"):
        return "This token lacks the scope feedback for this model."
    if access.has_role("technical_reviewer", "privacy_reviewer", "release_manager"):
        return ""
    return "Labelling needs the role technical reviewer, privacy reviewer or release manager."


def refuse_predictions(access: Access) -> str:
    """What clients sent and were told: for those who answer for the release or for privacy, and auditors."""
    if not access.allows("audit-read"):
        return "This token lacks the scope audit-read for this model."
    if access.has_role("release_manager", "privacy_reviewer", "auditor"):
        return ""
    return "Reading logged answers needs the role release manager, privacy reviewer or auditor."
