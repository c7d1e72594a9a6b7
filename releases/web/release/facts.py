"""A release as its page shows it: values made of what the selectors give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.principals import Access
from releases import policies
from releases.lifecycle import State
from releases.web.release import strip
from releases.web.release.progress import sentence
from releases.web.release.standing import GateView, Standing, View, standing
from releases.web.roster import Member, names_with

if TYPE_CHECKING:
    from releases.models import GateRun, Release, Review, Rollout

SLOT_WORDS = {
    "technical": "Does it work as the card says, on the evidence shown?",
    "privacy": "May the data be used like this, and does an answer give somebody away?",
    "security": "Is anything in the graph, its operators or its limits a risk to run?",
    "approval": "Should this answer clients?",
}


@dataclass(frozen=True, slots=True)
class Slot:
    """One signature that the policy asks for."""

    name: str
    question: str
    review: Review | None = None
    refusal: str = ""
    people: Sequence[str] = ()

    @property
    def mine(self) -> bool:
        return self.review is None and not self.refusal


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate run with the outcome that a reader sees, and how long it took."""

    run: GateRun
    outcome: str
    seconds: float | None
    template: str
    waits: str = ""

    @property
    def said(self) -> strip.Said:
        """What it says in the strip."""
        return strip.said(self.run.gate, self.outcome, self.run.summary, self.run.evidence or {})

    @property
    def progress(self) -> str:
        """How far it is, empty where it does not run or nobody knows."""
        return sentence(self.run.progress) if self.outcome == "running" and self.run.progress else ""

    @property
    def open(self) -> bool:
        """Whether a reader should see the evidence at once."""
        return self.outcome in {"failed", "errored"} or (self.outcome == "passed" and self.run.gate in TOLD)


TOLD = frozenset({"confidence", "benchmark"})
EVIDENCE = frozenset({"integrity", "schema", "end_to_end", "confidence", "benchmark"})


def gates(release: Release) -> list[Gate]:
    """The release's gate runs in their order."""
    found = []
    for run in release.gate_runs.all():
        outcome = "running" if run.running and run.outcome == "pending" else str(run.outcome)
        took = (
            (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None
        )
        name = run.gate if run.gate in EVIDENCE else "other"
        waits = "It waits for a worker." if release.state == State.VALIDATING else "It was not run."
        found.append(Gate(run, outcome, took, f"releases/release/evidence/{name}.html", waits))
    return found


def slots(
    release: Release, signed: Mapping[str, Any], asker: Access, facts: policies.Facts, people: list[Member]
) -> list[Slot]:
    """Each slot of the frozen policy: who signed it, or who may and why this person may not."""
    found = []
    for name in facts.slots:
        able = [
            n for n in names_with(policies.SLOT_ROLES[name], people) if _may(n, people, release, facts, name)
        ]
        refusal = policies.refuse_review(asker, facts, name)
        found.append(Slot(name, SLOT_WORDS[name], signed.get(name), refusal, able))
    return found


def _may(username: str, people: list[Member], release: Release, facts: policies.Facts, slot: str) -> bool:
    member = next(m for m in people if m.person.get_username() == username)
    asker = Access(username, member.person.email, release.model.name, frozenset(member.roles))
    return not policies.refuse_review(asker, facts, slot)


def _phase(rollout: Rollout | None) -> str:
    """What the nodes are at, or between two switches the stage that it is in."""
    if rollout is None:
        return ""
    if not rollout.has_begun:
        return "waiting for its time"
    if not rollout.by_stages or rollout.closed_at is not None or rollout.switch.ended_at is None:
        return str(rollout.switch.phase)
    return f"stage {rollout.standing.get('stage', 0) + 1} of {len(rollout.design['stages'])}"


def tell(
    release: Release,
    shown_gates: Sequence[Gate],
    shown_slots: Sequence[Slot],
    rollout: Rollout | None,
    start_refusal: str,
    reader: str,
    ended: str = "",
    given_up: str = "",
    waits: str = "",
) -> Standing:
    """The verdict line of the release."""
    refused = [(r.slot, r.person.get_username()) for r in release.reviews.all() if r.verdict == "reject"]
    return standing(
        View(
            state=State(release.state),
            environment=release.environment.name,
            gates=[GateView(g.run.gate, g.outcome, g.run.summary) for g in shown_gates],
            open_slots={s.name: you_first(s.people, reader) for s in shown_slots if s.review is None},
            slots=len(shown_slots),
            refused=refused,
            rollout_phase=_phase(rollout),
            rollout_reason=str(rollout.reason) if rollout and rollout.switch.went_back else "",
            returns_to=rollout.returns_to.version.number if rollout and rollout.returns_to else 0,
            beside=rollout.release.version.number if rollout and rollout.release_id != release.pk else 0,
            start_refusal=start_refusal,
            ended=ended,
            given_up=given_up,
            waits=waits,
        )
    )


def you_first(people: Sequence[str], reader: str) -> list[str]:
    """The names with the reader's own in front, as "you"."""
    return [*(["you"] if reader in people else []), *(name for name in people if name != reader)]
