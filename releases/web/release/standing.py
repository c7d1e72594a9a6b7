"""What stands between a release and its environment, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from releases.guards import DATA_GATES
from releases.lifecycle import State


@dataclass(frozen=True, slots=True)
class Hurdle:
    """One thing that is still in the way, or what ended the release."""

    tone: str
    text: str
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """The verdict line of a release page."""

    tone: str
    headline: str
    hurdles: tuple[Hurdle, ...] = ()


@dataclass(frozen=True, slots=True)
class GateView:
    """One gate as the page knows it; `outcome` is `running` while a worker has it."""

    name: str
    outcome: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """All that the verdict line depends on. `open_slots` maps a slot to the people who may sign it."""

    state: State
    environment: str
    gates: Sequence[GateView] = ()
    open_slots: Mapping[str, Sequence[str]] = field(default_factory=dict)
    slots: int = 0
    refused: Sequence[tuple[str, str]] = ()
    rollout_phase: str = ""
    rollout_reason: str = ""
    returns_to: int = 0
    beside: int = 0
    start_refusal: str = ""
    replaced_by: str = ""
    ended: str = ""
    given_up: str = ""
    waits: str = ""


def standing(view: View) -> Standing:
    """One sentence for the state, and the hurdles behind it."""
    told = _TELL[view.state](view)
    if not view.waits:
        return told
    return replace(told, tone="caution", hurdles=(Hurdle("caution", view.waits), *told.hurdles))


def _draft(view: View) -> Standing:
    return Standing("neutral", "Not submitted yet: nothing is being proven.")


def _validating(view: View) -> Standing:
    hurdles = [_gate_hurdle(gate) for gate in view.gates if gate.outcome != "passed"]
    errored = sum(gate.outcome == "errored" for gate in view.gates)
    if errored:
        return Standing(
            "caution",
            "A gate ended in an error of ours, which rejects nothing: run it again.",
            tuple(hurdles),
        )
    passed = len(view.gates) - len(hurdles)
    return Standing("info", f"Being proven: {passed} of {len(view.gates)} gates passed.", tuple(hurdles))


def _gate_hurdle(gate: GateView) -> Hurdle:
    words = gate.name.replace("_", " ").capitalize()
    tone = {"failed": "danger", "errored": "caution"}.get(gate.outcome, "info")
    told = {"pending": "waits for a worker", "running": "is running"}.get(gate.outcome, gate.summary)
    separator = " " if gate.outcome in {"pending", "running"} else ": "
    return Hurdle(tone, f"{words}{separator}{told}", f"gate-{gate.name}")


def _in_review(view: View) -> Standing:
    missing = len(view.open_slots)
    hurdles = tuple(
        Hurdle("caution", f"The {slot} review: {_people(names)}", f"slot-{slot}")
        for slot, names in view.open_slots.items()
    )
    noun = "signature is" if missing == 1 else "signatures are"
    return Standing(
        "caution", f"Proven. {missing} of {view.slots} {noun} missing before {view.environment}.", hurdles
    )


def _people(names: Sequence[str]) -> str:
    if not names:
        return "nobody has the role, so an administrator must grant it"
    return (
        f"{names[0]} can sign it"
        if len(names) == 1
        else f"{', '.join(names[:-1])} or {names[-1]} can sign it"
    )


def _approved(view: View) -> Standing:
    hurdles = (Hurdle("info", view.start_refusal),) if view.start_refusal else ()
    if view.rollout_reason:
        hurdles = (
            Hurdle("caution", f"The last rollout went back: {view.rollout_reason}", "rollout"),
            *hurdles,
        )
    return Standing(
        "positive", f"Proven and approved: nothing stands between this and {view.environment}.", hurdles
    )


def _rolling_out(view: View) -> Standing:
    if view.rollout_phase == "reverting":
        reason = (Hurdle("danger", view.rollout_reason, "rollout"),) if view.rollout_reason else ()
        return Standing("danger", "Going back: clients keep the version they had.", reason)
    phase = view.rollout_phase or "starting"
    if view.beside:
        told = f"It takes part in the rollout of version {view.beside}, and goes its way: {phase}."
        return Standing("info", f"On trial in {view.environment}.", (Hurdle("info", told, "rollout"),))
    return Standing(
        "info", f"On its way to {view.environment}: {phase}. No client request fails because of it."
    )


def _live(view: View) -> Standing:
    if view.given_up:
        told = Hurdle("danger", view.given_up, "timeline")
        return Standing("danger", f"Live in {view.environment}, and not answering everywhere.", (told,))
    return _returning(view) or Standing(
        "positive", f"Live in {view.environment}: this is what clients are answered with."
    )


def _returning(view: View) -> Standing | None:
    """What a way back does to a live release while it is open, and what is left of one that failed."""
    if not view.returns_to or (view.rollout_phase == "done" and not view.rollout_reason):
        return None
    if not view.rollout_reason:
        told = f"Going back to version {view.returns_to}: {view.rollout_phase}."
        return Standing("info", f"{told} This one answers until it is there.")
    given_up = f"The way back to version {view.returns_to} was given up: {view.rollout_reason}"
    told = f"Live in {view.environment}, as it was."
    return Standing("caution", told, (Hurdle("danger", given_up, "rollout"),))


def _superseded(view: View) -> Standing:
    after = f" by {view.replaced_by}" if view.replaced_by else ""
    return Standing("neutral", f"Superseded{after}: kept, so that a roll-back can restore it.")


def _rejected(view: View) -> Standing:
    failed = tuple(_gate_hurdle(gate) for gate in view.gates if gate.outcome == "failed")
    refused = tuple(
        Hurdle("danger", f"{person} refused in the {slot} review", f"slot-{slot}")
        for slot, person in view.refused
    )
    wrong = any(gate.outcome == "failed" and gate.name in DATA_GATES for gate in view.gates)
    ending = (
        "This version can never be served: upload one that is mended."
        if wrong
        else "Another release of the version can be opened."
    )
    return Standing("danger", f"Rejected. {ending}", failed + refused)


def _rolled_back(view: View) -> Standing:
    told = view.rollout_reason or view.ended
    anchor = "rollout" if view.rollout_reason else "timeline"
    return Standing(
        "danger", f"Rolled back from {view.environment}.", (Hurdle("danger", told, anchor),) if told else ()
    )


def _withdrawn(view: View) -> Standing:
    return Standing("neutral", "Withdrawn before it served.")


def _retired(view: View) -> Standing:
    return Standing("neutral", "Retired: the model is offline here.")


_TELL = {
    State.DRAFT: _draft,
    State.VALIDATING: _validating,
    State.IN_REVIEW: _in_review,
    State.APPROVED: _approved,
    State.ROLLING_OUT: _rolling_out,
    State.LIVE: _live,
    State.SUPERSEDED: _superseded,
    State.REJECTED: _rejected,
    State.ROLLED_BACK: _rolled_back,
    State.WITHDRAWN: _withdrawn,
    State.RETIRED: _retired,
}
