"""Verdicts, reviews and states of releases, held against the log as `registry.covers` says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from registry.covers import said, unguarded
from registry.ledger import canonical
from releases.events import OF_ACTION, Kind
from releases.guards import GUARDS
from releases.models import GateRun, Release, Review

_BATCH = 2000
"""Rows with their evidence in memory at once: some 10 MB."""
_ENTERS = {str(kind) for kind in OF_ACTION.values()}


def evidence_digest(evidence: object) -> str:
    """The digest of a gate's evidence, as the database gives it back."""
    return hashlib.sha256(canonical(evidence).encode()).hexdigest()


def gates() -> Iterator[str]:
    """A gate that has a verdict has the one that was recorded, with its evidence; and none is taken back but
    by an error of ours that was tried again."""
    wanted = _verdicts()
    for run in GateRun.objects.order_by("pk").iterator(_BATCH):
        told = wanted.pop((f"release/{run.release_id}", run.gate), None)
        if reason := _contradicts(run, told):
            yield f"the {run.gate.replace('_', ' ')} gate of release/{run.release_id} {reason}"
    yield from (f"the {gate} gate of {subject} is gone" for subject, gate in sorted(wanted))


def _verdicts() -> dict[tuple[str, str], tuple[str, str, str]]:
    """By release and gate: outcome, summary, digest of the evidence."""
    found: dict[tuple[str, str], tuple[str, str, str]] = {}
    for event in said(Kind.GATE_FINISHED, Kind.GATES_RETRIED):
        if event.kind == Kind.GATE_FINISHED:
            facts = event.facts
            found[event.subject, facts["gate"]] = facts["outcome"], facts["summary"], facts["evidence"]
            continue
        for key in [k for k, told in found.items() if k[0] == event.subject and told[0] == "errored"]:
            del found[key]
    return found


def _contradicts(run: GateRun, told: tuple[str, str, str] | None) -> str:
    if run.outcome == GateRun.Outcome.PENDING:
        return "has lost its verdict" if told else ""
    if told is None:
        return f"has {run.outcome}, and no event says so"
    kept = run.outcome, run.summary, evidence_digest(run.evidence)
    return "" if told == kept else "does not say what was measured"


def reviews() -> Iterator[str]:
    """Each signature was given by an event, and each that was given is there."""
    given = {
        (e.subject, e.actor, e.facts["slot"], e.facts["verdict"], e.facts["grounds"], e.facts["evidence"])
        for e in said(Kind.REVIEW_GIVEN)
    }
    rows = Review.objects.values_list(
        "release", "person__username", "slot", "verdict", "grounds", "evidence_digest"
    )
    kept = {(f"release/{release}", f"person/{person}", *rest) for release, person, *rest in rows}
    for row in sorted(kept - given):
        yield f"the {row[2]} review of {row[0]} by {row[1]} was given by no event"
    for row in sorted(given - kept):
        yield f"the {row[2]} review of {row[0]} by {row[1]} is gone or was changed"


def states() -> Iterator[str]:
    """A release is in the state that the last event of its lifecycle led to."""
    wanted = {
        event.subject: event.kind.partition(".")[2] for event in said(*_ENTERS, str(Kind.RELEASE_OPENED))
    }
    for pk, state in Release.objects.values_list("pk", "state"):
        last = wanted.get(f"release/{pk}")
        if last is None:
            yield f"no event opened release/{pk}"
        elif LED_TO.get(last, last) != state:
            yield f"release/{pk} is {state}, and the log says {last.replace('_', ' ')}"


def retirements() -> Iterator[str]:
    """Whoever stands there as the one who asked to take a model offline has asked. Where a request is
    missing, one asks once more."""
    asked = {(event.subject, event.actor) for event in said(Kind.RETIREMENT_ASKED)}
    rows = Release.objects.exclude(retire_asked_by=None).values_list("pk", "retire_asked_by__username")
    kept = {(f"release/{pk}", f"person/{person}") for pk, person in rows}
    for subject, person in sorted(kept - asked):
        yield f"{subject} says that {person} asked to retire it, and no event does"


def guards() -> Iterator[str]:
    """What the database is to refuse by itself, it refuses."""
    return unguarded(GUARDS)


LED_TO = {"opened": "draft", "restored": "live", "trial_ended": "approved"}
CHECKS = [gates, reviews, states, retirements, guards]
