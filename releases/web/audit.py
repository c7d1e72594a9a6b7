"""The log as a page: sentences with the words of grounds, and what was live at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django import forms
from django.http import HttpResponseBase
from django.shortcuts import render

from registry import log_words
from registry import selectors as registry_selectors
from registry.charts.numbers import percent
from registry.errors import NotFound
from registry.web import audit as log
from registry.web.pages import PersonRequest, page
from releases import selectors
from releases.rollout.whom import Whom, whom
from releases.web import sentences
from releases.web.rollout.words import joined

if TYPE_CHECKING:
    from registry.models import Event, Person, RegisteredModel
    from releases.models import Environment, Release, Review

MOST_OFFERED = 300
"""Names in one pick list, which the browser filters; who has more types a part of one."""


class MomentForm(forms.Form):
    """What was live then: a model and a time."""

    of = forms.CharField(label="Model", widget=forms.TextInput(attrs={"list": "models"}))
    at = forms.DateTimeField(
        label="At (UTC)", widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"})
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One event as a sentence, by whom as people know them, and what they wrote."""

    event: Event
    told: sentences.Entry
    by: str
    address: str


@dataclass(frozen=True, slots=True)
class Then:
    """What answered in one environment: the versions with their shares, for whom, since when, and by whom.

    `besides` says what the shares do not; `event` and `why` are those of the decision.
    """

    environment: str
    shares: list[tuple[int, float]]
    besides: tuple[str, ...] = ()
    since: datetime | None = None
    by: str = ""
    event: int = 0
    why: str = ""
    release: Release | None = None
    signed: tuple[Review, ...] = ()


@page
def audit(request: PersonRequest) -> HttpResponseBase:
    """The page; a wish that cannot be is told beside its field."""
    context = log.listed(request)
    lines = _lines(context["page"].rows)
    asked = {"of", "at"} & request.GET.keys()
    moment = MomentForm(request.GET if asked else None)
    context |= {
        "lines": lines,
        "actors": sorted({(line.event.actor, line.by) for line in lines}),
        "kinds": log_words.kinds(),
        "models": _offered(request.user),
        "moment": moment,
        "then": _then(request.user, moment) if asked and moment.is_valid() else None,
    }
    refused = not context["form"].is_valid() or (asked and bool(moment.errors))
    return render(request, "registry/audit/page.html", context, status=422 if refused else 200)


def _offered(asker: Person) -> list[str]:
    found = registry_selectors.visible_models(asker).order_by("name")
    return list(found.values_list("name", flat=True)[:MOST_OFFERED])


def _lines(events: list[Event]) -> list[Line]:
    """As many queries for fifty events as for one."""
    names = log_words.names(event.actor for event in events)
    told = [str(event.facts["grounds"]) for event in events if "grounds" in event.facts]
    words = registry_selectors.words(told) if told else {}
    return [
        Line(
            event,
            sentences.entry(event, words, names),
            names.get(event.actor, event.actor),
            _address(event.subject),
        )
        for event in events
    ]


def _address(subject: str) -> str:
    """Where what it happened to is shown."""
    kind, _, rest = subject.partition("/")
    model, _, number = rest.rpartition("/")
    if kind == "release" and rest.isdecimal():
        return f"/releases/{rest}/"
    if kind == "version" and model and number.isdecimal():
        return f"/models/{model}/versions/{number}/"
    return f"/models/{rest}/" if kind == "model" else ""


def _then(asker: Person, moment: MomentForm) -> list[Then] | None:
    """For each environment, or nothing where there is no such model for this reader."""
    try:
        model = registry_selectors.model(moment.cleaned_data["of"].strip(), asker)
    except NotFound as refusal:
        moment.add_error("of", str(refusal))
        return None
    return [_in(environment, model, moment.cleaned_data["at"]) for environment in selectors.environments()]


def _in(environment: Environment, model: RegisteredModel, at: datetime) -> Then:
    route = selectors.route(model, environment, at)
    of = whom(route.entry) if route else Whom()
    if route is None or not of.versions:
        return Then(environment.name, [])
    decided = selectors.decided(route)
    names = log_words.names([decided.by, decided.started_by])
    release = selectors.released(model, environment, of.versions[0].version, at)
    return Then(
        environment.name,
        [(each.version, each.share) for each in of.versions],
        besides(of),
        route.at,
        _by(decided, names),
        decided.event,
        decided.why,
        release,
        tuple(review for review in release.reviews.all() if review.verdict == "approve") if release else (),
    )


def besides(of: Whom) -> tuple[str, ...]:
    """For whom it was otherwise than the shares say."""
    told = [f"Version {of.tried} answered {of.named:,} named units, and nobody else."] if of.named else []
    for version, share in of.unseen:
        units = "all units" if share >= 1 else f"{percent(share)} of the units"
        told.append(f"Version {version} was asked the same unseen, for {units}.")
    if of.even:
        told.append(f"For {percent(of.even)} of the units all versions played alike, which is in the shares.")
    if of.asked:
        each = (
            f"version {one.version} had {percent(one.least)} to {percent(one.most)}" for one in of.versions
        )
        told.append(f"Who was answered by which followed from {joined(of.asked)}: {joined(list(each))}.")
    return tuple(told)


def _by(decided: selectors.Decided, names: Mapping[str, str]) -> str:
    """The person; a rollout that has taken a version back by itself is somebody's, too."""
    by = names.get(decided.by, decided.by)
    if decided.by != selectors.BY_ROLLOUTS:
        return by
    whose = f", which {names.get(decided.started_by, decided.started_by)} had started"
    return f"the rollout itself{whose if decided.started_by else ''}"
