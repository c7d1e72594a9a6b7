"""The page of a rollout, its part that changes by itself, and its buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from registry import log_words
from registry.errors import BadInput, DomainError
from registry.selectors import access
from registry.web import drafts, freshness
from registry.web.drafts import Written
from registry.web.pages import PersonRequest, action, page
from releases import actions, policies, selectors
from releases.actions import EVERYTHING, Row
from releases.lifecycle import Action
from releases.rollout import earlier, staging
from releases.rollout.foreseeing import lately
from releases.rollout.labelling import counted
from releases.rollout.overview import Overview
from releases.rollout.seen import findings, seen
from releases.web import deeds, freezes, phases
from releases.web.rollout import foretold, labelled, parts, values, words
from releases.web.rollout.parts import VERSION

if TYPE_CHECKING:
    from releases.models import Release, Rollout

BESIDE_RED = (Action.PROMOTE, Action.END_TRIAL, "pause", "resume", "end_aa", "override_freeze")


@page
def rollout(request: PersonRequest, pk: int) -> HttpResponseBase:
    """The whole page."""
    return render(request, "releases/rollout/page.html", context(request, pk))


@page
def panel(request: PersonRequest, pk: int) -> HttpResponseBase:
    """The part that changes by itself: 204 while it is what the reader has seen (`?seen=`)."""
    if request.GET.get("seen") == selectors.pulse(pk).mark and selectors.rollout(pk, request.user):
        return HttpResponse(status=204)
    return render(request, "releases/rollout/panel.html", context(request, pk, {}))


def _acted(request: PersonRequest, pk: int, name: str) -> Written:
    said = {"action": name, "grounds": request.POST.get("grounds", "").strip()}
    said |= {each: request.POST[each] for each in (VERSION, EVERYTHING) if request.POST.get(each)}
    said["key"] = "-".join((name, *(said[each] for each in (VERSION, EVERYTHING) if each in said)))
    return Written(reverse("rollout", args=[pk]), said)


@action(_acted)
def act(request: PersonRequest, pk: int, name: str) -> HttpResponseBase:
    """One step of its release, or of one that takes part, asked for on this page."""
    found, row = selectors.rollout(pk, request.user), actions.named(name)
    written = _acted(request, pk, name)
    release = _meant(found, request, written.words)
    if row.fresh and not freshness.is_fresh(request):
        return freshness.ask_again(request, written)
    try:
        actions.check_name(row, release, request.POST.get("typed", ""))
        everything = EVERYTHING in written.words
        actions.perform(
            row, release, by=request.user, grounds=written.words["grounds"], everything=everything
        )
    except DomainError as refusal:
        return _answer(request, pk, refusal, written.words)
    return _answer(request, pk)


def _meant(found: Rollout, request: PersonRequest, said: Mapping[str, str]) -> Release:
    """The release of the version that was named; of none the first that is still in the rollout."""
    inside = {str(arm.release.version.number): arm.release.pk for arm in selectors.challengers(found)}
    named = inside.get(said.get(VERSION, ""), 0) or selectors.leading(found).pk
    return selectors.release(named, request.user)


def _answer(
    request: PersonRequest, pk: int, refusal: DomainError | None = None, draft: dict[str, str] | None = None
) -> HttpResponse:
    shown = context(request, pk, draft) | {"refusal": refusal}
    if refusal is None and not request.htmx:
        messages.info(request, f"Done. {shown['view'].story.headline}")
        return redirect("rollout", pk=pk)
    template = "releases/rollout/panel.html" if request.htmx else "releases/rollout/page.html"
    status = 200 if refusal is None else 422 if isinstance(refusal, BadInput) else 409
    return render(request, template, shown, status=status)


def context(request: PersonRequest, pk: int, draft: dict[str, str] | None = None) -> dict[str, Any]:
    """Everything that the page and its panel show; `draft` is what was typed and not taken."""
    stamp = selectors.pulse(pk).mark  # before what is shown, so that nothing is taken for seen
    found = selectors.rollout(pk, request.user)
    if draft is None:
        draft = drafts.take(request, reverse("rollout", args=[found.pk]))
    release = selectors.release(selectors.leading(found).pk, request.user)
    several = parts.parts(found, request.user)
    mine = access(request.user, None, found.model)
    choices = actions.choices(release, mine)
    shown = view(found)
    return {
        "rollout": found,
        "release": release,
        "model": found.model,
        "view": shown,
        "steps": phases.steps(found),
        "rolled_away": found.switch.went_back,
        "version": release.version,
        "stamp": stamp,
        "draft": draft,
        "going": not found.is_over,
        "whose": _whose(found),
        "labelled": [labelled.sentence(each, labelled.baseline(found)) for each in counted.standings(found)],
        "frozen": None if found.is_over else _held(found, release),
        "may_read_answers": not policies.refuse_predictions(mine),
        "may_label": not policies.refuse_labels(mine),
        "parts": several,
        "kind": str(staging.design_of(found).kind) if found.design else "single",
        "named": words.versions(
            [str(arm.release.version.number) for arm in selectors.challengers(found)]
            or [str(release.version.number)]
        ),
        **_buttons(found, release, choices, several, draft),
    }


def _whose(found: Rollout) -> str:
    """` by Chloe`, who started it; empty for one whose start the log does not have."""
    actor = selectors.started_by(found)
    return f" by {log_words.names([actor]).get(actor, actor)}" if actor else ""


def _held(found: Rollout, release: Release) -> freezes.Held | None:
    """What a freeze holds back here; each version is let through by itself."""
    if freezes.held(selectors.facts(release)) is None:
        return None
    facts = selectors.facts_of(selectors.passing(found))
    return freezes.held_in({each.version.number: facts[each.pk] for each in selectors.passing(found)})


def _buttons(
    found: Rollout,
    release: Release,
    choices: list[tuple[Row, str]],
    several: Sequence[parts.Part],
    draft: Mapping[str, str],
) -> dict[str, object]:
    """The buttons that this person has, the red one apart, and why the others are not there."""
    mine = [] if found.is_over else deeds.buttons(release, choices, "rollout-action", found.pk)
    if several:
        mine = parts.of_all(mine)
    told = {row.name: reason for row, reason in choices}
    every = [*mine, *(deed for part in several for deed in part.deeds)]
    return {
        "all_deeds": every,
        "deeds": [each for each in mine if each.action in BESIDE_RED],
        "answers": [each for each in mine if each.action in deeds.ANSWERS],
        "red": next((each for each in mine if each.action == Action.ROLL_BACK), None),
        "red_refusal": told.get(Action.ROLL_BACK, ""),
        "refused": [] if found.is_over else deeds.refused(choices),
        "reopen": next((f"do-{each.key}" for each in every if each.key == draft.get("key")), ""),
    }


def view(found: Rollout) -> values.View:
    """What there is to see of it: of one without stages, its switch alone."""
    now = seen(found)
    names = log_words.names(row.decided_by for row in found.decisions.all())
    if now is None:
        return values.plain(found)
    proposal = next(iter(found.proposals.all()), None)
    question = values.asked(now.design, proposal, findings(proposal.evidence)) if proposal else None
    shown = values.view(found, now, names, question, selectors.points(found))
    return replace(shown, foretold=_foretold(found, now))


def _foretold(found: Rollout, now: Overview) -> list[str]:
    """How long it still takes, as of the last ten minutes."""
    if not now.going or found.previous is None:
        return []
    spent = lately(now.now - now.standing.since)
    past = earlier.past(found.previous, timezone.now())
    return foretold.told(now.design, past, now.standing.stage, spent)
