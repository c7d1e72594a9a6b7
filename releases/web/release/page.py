"""The release page: evidence, signatures, rollout and the buttons that law and policy allow."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from registry import log_words
from registry import selectors as registry_selectors
from registry.errors import BadInput, DomainError
from registry.selectors import access, words
from registry.web import drafts, freshness
from registry.web.drafts import Written
from registry.web.pages import PersonRequest, action, page
from releases import actions, selectors
from releases.actions import HOURS, SHARE, Row
from releases.comparing import facts as compared
from releases.comparing import kept
from releases.comparing import versions as comparing
from releases.events import Kind
from releases.lifecycle import Action, State
from releases.proof import evidence
from releases.services import gating, reviews
from releases.web import answers, deeds, freezes, phases, sentences, traffic
from releases.web.release import facts, first, plan
from releases.web.roster import members

if TYPE_CHECKING:
    from registry.models import Event
    from releases.models import Release, Rollout

BEFORE_ANSWERS_WERE_KEPT = (
    "This version was proven before answers were kept row by row. A new release of it, where it is not live,"
    " proves it again and keeps them."
)
FEW_ANSWERS = 5
"""To see of what kind they are; a link leads to all."""
MOST_DIGITS = 9
"""Below 2**31 a number has nine digits that may be anything."""
MOVING = (State.VALIDATING, State.ROLLING_OUT)


@page
def release(request: PersonRequest, pk: int) -> HttpResponseBase:
    """The whole page."""
    found = selectors.release(pk, request.user)
    return render(request, "releases/release/page.html", context(request, found))


@page
def panel(request: PersonRequest, pk: int) -> HttpResponseBase:
    """The part that changes by itself: 204 while it is what the reader has seen (`?seen=`)."""
    found = selectors.release(pk, request.user)
    if request.GET.get("seen") == stamp(found):
        return HttpResponse(status=204)
    return render(request, "releases/release/panel.html", context(request, found, {}))


def _reviewed(request: PersonRequest, pk: int) -> Written:
    said = {name: request.POST.get(name, "") for name in ("slot", "verdict", "grounds")}
    return Written(reverse("release", args=[pk]), said)


@action(_reviewed)
def review(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Sign or refuse one slot."""
    found = selectors.release(pk, request.user)
    written = _reviewed(request, pk)
    if not freshness.is_fresh(request):
        return freshness.ask_again(request, written)
    try:
        said = written.words
        reviews.give_review(
            found, slot=said["slot"], verdict=said["verdict"], grounds=said["grounds"], by=request.user
        )
    except DomainError as refusal:
        return _answer(request, pk, refusal, written.words)
    return _answer(request, pk)


def _acted(request: PersonRequest, pk: int, name: str) -> Written:
    said = {"action": name, "grounds": request.POST.get("grounds", "").strip()}
    said |= {each: request.POST[each] for each in ("to", HOURS, SHARE) if request.POST.get(each)}
    return Written(reverse("release", args=[pk]), said)


@action(_acted)
def act(request: PersonRequest, pk: int, name: str) -> HttpResponseBase:
    """One step of the lifecycle."""
    found, row = selectors.release(pk, request.user), actions.named(name)
    written = _acted(request, pk, name)
    if row.fresh and not freshness.is_fresh(request):
        return freshness.ask_again(request, written)
    try:
        actions.check_name(row, found, request.POST.get("typed", ""))
        wrote = written.words
        to, hours = _number(wrote.get("to", "")), _hours(wrote.get(HOURS, ""))
        share, grounds = _share(wrote.get(SHARE, "")), wrote["grounds"]
        actions.perform(row, found, by=request.user, grounds=grounds, to=to, hours=hours, share=share)
    except DomainError as refusal:
        return _answer(request, pk, refusal, written.words)
    return _answer(request, pk)


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > MOST_DIGITS:
        raise BadInput("Say the number of a version.", field="to")
    return int(text)


def _hours(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise BadInput("Say a number of hours.", field=HOURS) from None


def _share(text: str) -> float | None:
    """Percent, as people write shares."""
    try:
        return float(text) / 100 if text else None
    except ValueError:
        raise BadInput("Write a share of the units in percent, such as 25.", field=SHARE) from None


@action(lambda request, pk: Written(reverse("release", args=[pk])))
def retry(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Run the gates that ended in an error of ours again."""
    found = selectors.release(pk, request.user)
    try:
        gating.retry(found, by=request.user)
    except DomainError as refusal:
        return _answer(request, pk, refusal)
    return _answer(request, pk)


def _answer(
    request: PersonRequest, pk: int, refusal: DomainError | None = None, draft: dict[str, str] | None = None
) -> HttpResponse:
    found = selectors.release(pk, request.user)
    shown = context(request, found, draft) | {"refusal": refusal}
    if refusal is None and not request.htmx:
        messages.info(request, f"Done. {shown['standing'].headline}")
        return redirect("release", pk=pk)
    template = "releases/release/panel.html" if request.htmx else "releases/release/page.html"
    status = 200 if refusal is None else 422 if isinstance(refusal, BadInput) else 409
    return render(request, template, shown, status=status)


def stamp(found: Release) -> str:
    """Changes whenever something that the panel shows does."""
    moved = [(r, r.switch) for r in selectors.taken_part(found)]
    rollouts = [(r.pk, s.phase, s.phase_since, s.opened, r.looks, r.paused_at, r.closed_at) for r, s in moved]
    runs = [
        (g.gate, g.outcome, g.attempt, g.started_at, g.finished_at, g.progress) for g in found.gate_runs.all()
    ]
    signed = [(r.pk, r.verdict) for r in found.reviews.all()]
    return hashlib.sha256(repr((found.state, rollouts, runs, signed, _waits(found))).encode()).hexdigest()[
        :16
    ]


def context(request: PersonRequest, found: Release, draft: dict[str, str] | None = None) -> dict[str, Any]:
    """Everything that the page and its panel show; `draft` is what was typed and not taken."""
    if draft is None:
        draft = drafts.take(request, reverse("release", args=[found.pk]))
    asker = access(request.user, None, found.model)
    known, people = selectors.facts(found), members(found.model)
    signed = selectors.signatures(found)
    gates, slots = facts.gates(found), facts.slots(found, signed, asker, known, people)
    rollout = next(iter(selectors.taken_part(found)), None)
    choices = actions.choices(found, asker)
    start_refusal = next((why for row, why in choices if row.step == Action.START_ROLLOUT), "")
    events = list(selectors.timeline(found))
    live = selectors.champion(found.model, found.environment)
    changes = comparing.changes(live.version, found.version) if live else []
    return {
        "builders": selectors.builders(found),
        "frozen": freezes.held(known),
        "release": found,
        "version": found.version,
        "standing": facts.tell(
            found,
            gates,
            slots,
            rollout,
            start_refusal,
            request.user.get_username(),
            _ended(events),
            _given_up(found),
            _waits(found),
        ),
        "gates": gates,
        "slots": slots,
        "old_reviews": [r for r in found.reviews.all() if r.pk not in {s.pk for s in signed.values()}],
        "rollout": rollout,
        "steps": phases.steps(rollout),
        **_buttons(found, choices),
        "signed_count": len(signed),
        "signed_words": f"{len(signed)} of {len(slots)}",
        "may_retry": any(row.name == "retry_gates" and not why for row, why in choices),
        "live": live if live and live.pk != found.pk else None,
        "first": first.against(found, live),
        "plan": plan.plan(found, live),
        "live_latency": evidence.latency_of(live) if live and live.pk != found.pk else {},
        "changes": changes,
        "answers": _answers(found),
        "warnings": compared.warnings(changes),
        "timeline_entries": sentences.entries(
            events, _words(events), log_words.names(event.actor for event in events)
        ),
        "rolled_away": rollout is not None and rollout.switch.went_back,
        "version_text": str(found.version.number),
        "model": found.model,
        "traffic": traffic.shown(request, found.model, found.version.number),
        "feedback": selectors.feedback_by_version(found.model, [found.version.number]).get(
            found.version.number
        ),
        "moving": found.state in MOVING or (rollout is not None and rollout.closed_at is None),
        "live_seen": _live_seen(rollout),
        "stamp": stamp(found),
        "draft": draft,
        "reopen": _reopen(draft, slots, choices),
        "evidence_digest": found.evidence_digest,
    }


def _live_seen(rollout: Rollout | None) -> str:
    """A rollout by stages may last for days: its page is told of what happens, and asks for nothing else."""
    if rollout is None or rollout.closed_at is not None or not rollout.by_stages:
        return ""
    return selectors.pulse(rollout.pk).mark


def _answers(found: Release) -> answers.Answers | None:
    """The rows on which this version and the one that was live at its proof answer differently."""
    proof = evidence.of_gate(found, "confidence")
    beside = (proof.get("kept") or {}).get("champion") or {}
    if beside.get("version"):
        base = registry_selectors.version(found.model, beside["version"])
        told = kept.tell(base, found.version, release=found.pk, most=FEW_ANSWERS)
        return answers.shown(base, found.version, told, found.pk)
    if not (proof.get("comparison") or proof.get("no_comparison")):
        return None
    why = proof.get("not_kept") or proof.get("no_comparison") or BEFORE_ANSWERS_WERE_KEPT
    return answers.Answers(0, found.version.number, "", str(why))


def _words(events: list[Event]) -> dict[str, str]:
    """What people wrote for these events; reviews are left out, their words stand beside the signature."""
    told = [e.facts["grounds"] for e in events if "grounds" in e.facts and e.kind != Kind.REVIEW_GIVEN]
    return words(told) if told else {}


def _ended(events: list[Event]) -> str:
    """Who rolled the release back, and what answers since."""
    last = next((e for e in reversed(events) if e.kind == Kind.RELEASE_ROLLED_BACK), None)
    if last is None:
        return ""
    return f"{sentences.sentence(last.kind, last.facts)}: decided by {last.actor.removeprefix('person/')}"


def _waits(found: Release) -> str:
    """What the work on the release waits for, where it needs something that is not its own."""
    return registry_selectors.reason_to_wait(found.subject) if found.state in MOVING else ""


def _given_up(found: Release) -> str:
    last = selectors.given_up(found)
    return sentences.sentence(last.kind, last.facts) if last else ""


def _reopen(draft: dict[str, str], slots: list[facts.Slot], choices: list[tuple[Row, str]]) -> str:
    """The dialog in which the person was writing, if it is still there."""
    open_ones = [f"sign-{slot.name}" for slot in slots if slot.mine]
    open_ones += [f"do-{row.name}" for row, reason in choices if not reason]
    wanted = f"sign-{draft['slot']}" if "slot" in draft else f"do-{draft.get('action', '')}"
    return wanted if wanted in open_ones else ""


def _buttons(found: Release, choices: list[tuple[Row, str]]) -> dict[str, object]:
    """The buttons this person has, and the reasons why the others are not there."""
    mine = deeds.buttons(found, choices)
    return {
        "all_deeds": mine,
        "deeds": [deed for deed in mine if deed.look.tone != "quiet"],
        "quiet_deeds": [deed for deed in mine if deed.look.tone == "quiet"],
        "refused": deeds.refused(choices),
    }
