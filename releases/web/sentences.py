"""Events as sentences for a timeline. Pure; an unknown kind is told by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from registry.names import isolated
from releases.web.policy_words import summary

if TYPE_CHECKING:
    from registry.models import Event

Facts = Mapping[str, Any]
Names = Mapping[str, str]
NAMELESS: Names = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline. `words` are what a person wrote."""

    seq: int
    at: datetime
    kind: str
    actor: str
    text: str
    tone: str = ""
    words: str = ""


# Told by the event that follows them; the audit page has them all.
UNTOLD = frozenset({"gate.started", "rollout.started", "rollout.finished"})
BACK = "returns_to"


def entries(events: Iterable[Event], grounds: Mapping[str, str], names: Names = NAMELESS) -> list[Entry]:
    """Events that say something new, newest first, with the words whose digest they carry."""
    return [entry(event, grounds, names) for event in events if _is_new(event)][::-1]


def _is_new(event: Event) -> bool:
    """The start of a way back, or of an A/A run, is told by nothing else."""
    alone = BACK in event.facts or _is_aa(event.facts)
    return event.kind not in UNTOLD or (event.kind == "rollout.started" and alone)


def _is_aa(facts: Facts) -> bool:
    return bool(facts.get("strategy") == {"kind": "aa"})


def entry(event: Event, grounds: Mapping[str, str], names: Names = NAMELESS) -> Entry:
    """One event, with the words whose digest it carries; `names` are what people and tokens are known by."""
    return Entry(
        seq=event.seq,
        at=event.at,
        kind=event.kind,
        actor=names.get(event.actor, event.actor.removeprefix("person/")),
        text=sentence(event.kind, event.facts),
        tone=tone(event.kind, event.facts),
        words=grounds.get(str(event.facts.get("grounds", "")), ""),
    )


def sentence(kind: str, facts: Facts) -> str:
    """What happened, as one would say it."""
    tell = SENTENCES.get(kind)
    return tell(facts) if tell else kind.replace(".", " ").replace("_", " ").capitalize()


def tone(kind: str, facts: Facts) -> str:
    """The colour of what may go either way; the rest is fixed by its kind."""
    if kind == "gate.finished":
        return {"passed": "positive", "failed": "danger", "errored": "caution"}.get(
            str(facts.get("outcome")), ""
        )
    if kind == "review.given":
        return "positive" if facts.get("verdict") == "approve" else "danger"
    if kind.startswith("override."):
        return "caution"
    if kind in {"rollout.reverting", "breaker.tripped"} or facts.get("verdict") in ("roll_back", "fault"):
        return "danger"
    return ""


def _words(facts: Facts, name: str) -> str:
    return str(facts.get(name, "")).replace("_", " ")


def _after_colon(text: object) -> str:
    return f": {text}" if text else ""


def _gate(facts: Facts) -> str:
    return (
        f"{_words(facts, 'gate').capitalize()} {_words(facts, 'outcome')}{_after_colon(facts.get('summary'))}"
    )


def _review(facts: Facts) -> str:
    verb = "Signed" if facts.get("verdict") == "approve" else "Refused in"
    return f"{verb} the {_words(facts, 'slot')} review"


def _rolled_back(facts: Facts) -> str:
    if not facts.get("restores"):
        return "Rolled back"
    return f"Rolled back from version {facts.get('version')} to version {facts['restores']}"


def _rolling_out(facts: Facts) -> str:
    beside = facts.get("beside")
    return f"Takes part in the rollout of version {beside}" if beside else "Rollout started"


def _restored(facts: Facts) -> str:
    return f"Live again: version {facts['after']} was rolled back" if facts.get("after") else "Live again"


def _started(facts: Facts) -> str:
    if BACK not in facts:
        return "A/A run begun: the version beside itself" if _is_aa(facts) else "Rollout opened"
    return f"Roll-back from version {facts.get('replaces')} to version {facts[BACK]} asked for"


def _moved(facts: Facts) -> str:
    where = f"Way back to version {facts[BACK]}" if BACK in facts else "Rollout"
    return f"{where}: {_words(facts, 'to') or _words(facts, 'phase')}"


def _stage_begun(facts: Facts) -> str:
    shares = ", ".join(
        f"version {arm} gets {100 * share:g} %" for arm, share in facts.get("shares", {}).items()
    )
    what = shares or f"a {facts.get('stage_kind', 'stage')}, in which it answers unseen"
    return f"Stage {int(facts.get('stage', 0)) + 1} began: {what}"


def _decided(facts: Facts) -> str:
    if facts.get("verdict") == "propose":
        return f"Asked whether to {_words(facts, 'proposed')}{_after_colon(facts.get('reason'))}"
    what = DECIDED.get(str(facts.get("verdict")), "Decided")
    return f"{what}{_after_colon(facts.get('reason'))}"


def _proposal_closed(facts: Facts) -> str:
    asked, outcome = _words(facts, "verdict"), facts.get("outcome")
    if outcome == "lapsed":
        return f"Asks no more whether to {asked}: what was seen has changed"
    return f"{str(outcome).capitalize()} what it asked for: {asked}"


def _reverting(facts: Facts) -> str:
    if BACK in facts:
        given_up = f"The way back to version {facts[BACK]} is given up by itself"
        return f"{given_up}, and what is live stays{_after_colon(facts.get('reason'))}"
    return f"Going back by itself{_after_colon(facts.get('reason'))}"


def _broken(facts: Facts) -> str:
    stays = " There is nothing to go back to: requests for it are refused." if facts.get("stays") else ""
    return f"Given up by node {facts.get('node')}{_after_colon(facts.get('why'))}.{stays}"


def _changed(facts: Facts) -> str:
    """What the policy would say differently, or says now."""
    return _after_colon(summary(facts.get("old", {}), facts.get("new", {})))


def _from(facts: Facts) -> str:
    return f" from version {facts['before']}" if facts.get("before") else ""


def _renamed(facts: Facts) -> str:
    return f"Renamed from {isolated(str(facts['before']))} to {isolated(str(facts['title']))}"


def _updated(facts: Facts) -> str:
    """A name is told as it was and as it is, other words by which they are."""
    others = [_words({"word": word}, "word") for word in facts.get("changed", ()) if word != "title"]
    renamed = _renamed(facts) if "title" in facts else ""
    changed = f"{' and '.join(others)} changed" if others else ""
    return f"{renamed}; {changed}" if renamed and changed else renamed or changed.capitalize() or "Changed"


def _proposer(facts: Facts) -> str:
    return str(facts.get("proposed_by", "somebody")).removeprefix("person/")


def _wishes(facts: Facts) -> str:
    asked = {"waits": "what waits", "ended": "what ended", "returned": "what went back"}
    wanted = [words for name, words in asked.items() if facts.get(name)]
    return f"Chose to be mailed {', '.join(wanted) or 'nothing'}"


DECIDED = {
    "move": "Decided to go on",
    "promote": "Decided to promote",
    "roll_back": "Decided to go back",
    "end_trial": "Decided to end the trial",
    "clean": "The A/A run has ended",
    "fault": "The A/A run has ended",
}
SENTENCES: dict[str, Callable[[Facts], str]] = {
    "model.created": lambda f: "Registered with its first policy",
    "model.updated": _updated,
    "policy.proposed": lambda f: f"Change proposed{_changed(f)}",
    "policy.confirmed": lambda f: f"Changed, as {_proposer(f)} proposed{_changed(f)}",
    "policy.rejected": lambda f: f"Rejected what {_proposer(f)} proposed",
    "policy.withdrawn": lambda f: "Proposal withdrawn",
    "person.created": lambda f: "Machine account made" if f.get("machine") else "Account made",
    "invitation.made": lambda f: "Link to an account made",
    "invitation.accepted": lambda f: "Link used, and a password chosen",
    "role.granted": lambda f: f"Given the role {_words(f, 'role')}",
    "role.revoked": lambda f: f"Lost the role {_words(f, 'role')}",
    "token.created": lambda f: f"Token {f.get('name', '')} made, for {', '.join(f.get('scopes', ()))}",
    "token.revoked": lambda f: "Token revoked",
    "environment.created": lambda f: "Environment made",
    "freeze.made": lambda f: f"Freeze {f.get('name')} made",
    "freeze.removed": lambda f: f"Freeze {f.get('name')} removed",
    "override.asked": lambda f: f"Asked to override the freeze {f.get('freeze')}: a second person must agree",
    "override.agreed": lambda f: f"Agreed to override the freeze {f.get('freeze')}, for one step",
    "override.used": lambda f: f"Went on in the freeze {f.get('freeze')}, as two people agreed",
    "feedback.ingested": lambda f: "Feedback taken in",
    "outcomes.ingested": lambda f: f"Outcomes of units taken in: {f.get('counted', '')}",
    "version.uploaded": lambda f: f"Version {f.get('number')} uploaded",
    "wishes.chosen": _wishes,
    "grounds.erased": lambda f: f"Texts erased: {len(f.get('erased', ()))}",
    "witness.asked": lambda f: f"A new witness asked for: {f.get('found', '')}",
    "witness.begun": lambda f: f"A new witness begun, as event {f.get('asked')} asked: {f.get('found', '')}",
    "version.tagged": lambda f: f"Tagged {', '.join(sorted(f.get('tags', {})))}",
    "alias.moved": lambda f: f"Alias {f.get('alias')} moved here{_from(f)}",
    "release.opened": lambda f: f"Release to {f.get('environment')} opened",
    "release.validating": lambda f: "Handed to the gates",
    "release.in_review": lambda f: "All gates passed; waiting for review",
    "release.approved": lambda f: "Approved",
    "release.rejected": lambda f: "Rejected",
    "release.rolling_out": _rolling_out,
    "release.live": lambda f: "Live",
    "release.superseded": lambda f: "Superseded",
    "release.rolled_back": _rolled_back,
    "release.restored": _restored,
    "release.trial_ended": lambda f: f"Trial ended, approved as before{_after_colon(f.get('reason'))}",
    "release.withdrawn": lambda f: "Withdrawn",
    "release.retired": lambda f: "Retired",
    "retirement.asked": lambda f: "Asked to take the model offline; a second person must agree",
    "gate.started": lambda f: f"{_words(f, 'gate').capitalize()} started",
    "gate.finished": _gate,
    "gates.retried": lambda f: "Errored gates run again",
    "review.given": _review,
    "rollout.started": _started,
    "rollout.moved": _moved,
    "rollout.reverting": _reverting,
    "rollout.begun": lambda f: "Began at the time that was planned",
    "rollout.stage_begun": _stage_begun,
    "rollout.decided": _decided,
    "rollout.joined": lambda f: f"Version {f.get('version')} has joined the rollout",
    "rollout.paused": lambda f: "Paused: shares stay where they are",
    "rollout.resumed": lambda f: "Resumed",
    "label.given": lambda f: f"Labelled a case of version {f.get('about')}",
    "label.undone": lambda f: f"Took a label of version {f.get('about')} back",
    "proposal.closed": _proposal_closed,
    "rollout.finished": lambda f: f"Rollout finished{_after_colon(f.get('reason') or f.get('outcome'))}",
    "breaker.tripped": _broken,
    "route.revised": lambda f: f"Routing plan, revision {f.get('revision')}",
}
