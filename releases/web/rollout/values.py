"""What the page of a rollout shows, one frozen value for each thing that it tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from releases.rollout.designs.design import Design, Kind
from releases.rollout.overview import AGAINST, FOR, OF_ALL, Overview
from releases.rollout.strategies.base import Finding, Verdict
from releases.web.rollout import bars, words
from releases.web.rollout.beside import Beside, beside
from releases.web.rollout.curves import Curves, curves, marks, over
from releases.web.rollout.measured import Measure, measure
from releases.web.rollout.played import Played, played
from releases.web.rollout.story import Decided, Story, story

if TYPE_CHECKING:
    from releases.models import Decision, EvidencePoint, Proposal, Rollout, Stage

GONE, NOW, AHEAD, FAILED = "done", "now", "ahead", "failed"


@dataclass(frozen=True, slots=True)
class Rung:
    """One stage of the ladder. `state` as the steps of a switch have it: done, now, ahead, failed.

    `least` and `asks`: of the present one, until when it lasts at least, and from when on a person is asked.
    """

    number: int
    label: str
    does: str
    ends: str
    lasts: str
    state: str
    since: datetime | None = None
    until: datetime | None = None
    least: datetime | None = None
    asks: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person is asked, with the evidence of the moment at which it began to be asked."""

    question: str
    reason: str
    at: datetime
    seq: int
    groups: Sequence[bars.Group]


@dataclass(frozen=True, slots=True)
class View:
    """All of the page but its buttons. What a rollout without stages does not have is empty."""

    story: Story
    rungs: Sequence[Rung] = ()
    beside: Beside | None = None
    groups: Sequence[bars.Group] = ()
    curves: Curves | None = None
    measure: Measure | None = None
    played: Played | None = None
    promote: Sequence[str] = ()
    returns: Sequence[str] = ()
    next_step: str = ""
    foretold: Sequence[str] = ()
    acts: str = ""
    asked: Asked | None = None
    decided: Sequence[Decided] = ()


# --- the ladder ---------------------------------------------------------------------------------------


def planned(design: Design) -> list[Rung]:
    """What a rollout will do, before it has begun."""
    return [_rung(design, place) for place in range(len(design.stages))]


def ladder(seen: Overview, rows: Sequence[Stage], *, begun: bool) -> list[Rung]:
    """The stages with what has become of them."""
    known, now = {row.place: row for row in rows}, seen if begun else None
    return [_rung(seen.design, place, now, known.get(place)) for place in range(len(seen.design.stages))]


def _rung(design: Design, place: int, seen: Overview | None = None, row: Stage | None = None) -> Rung:
    stage = design.stages[place]
    is_now = seen is not None and seen.going and seen.standing.stage == place
    return Rung(
        number=place + 1,
        label=words.stage_label(stage),
        does=words.stage_does(design, stage),
        ends=words.stage_ends(design, place),
        lasts=words.stage_lasts(stage),
        state=AHEAD if row is None else NOW if is_now else _became(row),
        since=row.begun_at if row else None,
        until=row.ended_at if row else None,
        least=_in(seen, seen.left) if seen is not None and is_now else None,
        asks=_in(seen, seen.asks_in) if seen is not None and is_now else None,
    )


def _became(row: Stage) -> str:
    if row.end == "turned_back":
        return FAILED
    return GONE if row.ended_at else AHEAD


def _in(seen: Overview, seconds: float | None) -> datetime | None:
    """None where it is over, or never comes."""
    return datetime.fromtimestamp(seen.now + seconds, UTC) if seconds else None


# --- evidence -----------------------------------------------------------------------------------------


def groups(seen: Overview) -> list[bars.Group]:
    """What speaks against and for each challenger, and what concerns all versions."""
    found, baseline = list[bars.Group | None](), seen.design.baseline
    for arm in seen.design.challengers:
        for key, title, aims in (("against", "Against", AGAINST), ("for", "For", FOR)):
            evidence = seen.findings(aims, arm)
            found.append(bars.group(f"{key}-{arm}", f"{title} version {arm}", evidence, baseline))
    found.append(bars.group("all", "Of all versions together", seen.findings(OF_ALL), baseline))
    return [each for each in found if each]


def asked(design: Design, proposal: Proposal, evidence: Sequence[Finding]) -> Asked:
    """What stood when it was proposed, whatever has been counted since."""
    question = words.ASKS[Verdict(proposal.verdict)].format(arm=proposal.arm or design.challengers[0])
    concerned = [each for each in evidence if each.arm]
    parts = (("for", "What speaks for the new version", FOR), ("against", "What speaks against it", AGAINST))
    frozen = [
        bars.group(f"frozen-{key}", title, [each for each in concerned if each.aim in aims], design.baseline)
        for key, title, aims in parts
    ]
    return Asked(question, proposal.reason, proposal.at, proposal.event_id, [each for each in frozen if each])


def decided(rows: Sequence[Decision], names: Mapping[str, str]) -> list[Decided]:
    """Newest first, by whom as people know them."""
    return [
        Decided(
            row.number,
            row.verdict,
            row.reason,
            names.get(row.decided_by, row.decided_by.removeprefix("person/")),
            row.at,
            row.event_id,
        )
        for row in sorted(rows, key=lambda row: row.number, reverse=True)
    ]


def _goes_on(seen: Overview) -> bool:
    """An A/A run leads nowhere: it waits for its end alone."""
    return seen.going and seen.design.kind is not Kind.AA


def view(
    row: Rollout,
    seen: Overview,
    names: Mapping[str, str],
    question: Asked | None = None,
    points: Sequence[EvidencePoint] = (),
) -> View:
    """All of the page but its buttons."""
    decisions = decided(list(row.decisions.all()), names)
    stages = list(row.stages.all())
    span = over(points, datetime.fromtimestamp(seen.now, UTC)) if points else None
    happened = marks(seen.design, stages, row.decisions.all())
    return View(
        story=story(row, seen, decisions, question.question if question else ""),
        rungs=ladder(seen, stages, begun=row.has_begun),
        beside=beside(seen),
        groups=groups(seen),
        curves=curves(seen.design, points, span, happened) if span else None,
        measure=measure(seen, points, span, happened),
        played=played(seen, points, span, happened),
        promote=[words.missing_of(each, seen.design) for each in seen.promote],
        returns=[words.missing_of(each, seen.design) for each in seen.returns],
        next_step=words.stage_ends(seen.design, seen.standing.stage) if _goes_on(seen) else "",
        acts=words.acts(seen.design),
        asked=question,
        decided=decisions,
    )


def plain(row: Rollout) -> View:
    """One that goes all at once: nothing is compared, so that there is nothing to be told of it."""
    told = [("info", row.reason)] if row.reason else []
    if row.closed_at is None:
        return View(Story("info", f"On its way, all at once: {row.switch.phase}.", told))
    if row.switch.went_back:
        return View(Story("danger", "It went back.", [("danger", text) for _, text in told]))
    return View(Story("positive", "Done: all traffic went over at once.", told))
