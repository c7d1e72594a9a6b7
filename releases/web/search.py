"""One search over everything that has a name: a page of its own, and what the box of Ctrl-K shows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from registry import finding
from registry.errors import NotFound
from registry.web.context import sees_people
from registry.web.pages import PersonRequest, page
from releases import selectors
from releases.selectors import lists

if TYPE_CHECKING:
    from registry.models import ModelVersion, Person, RegisteredModel, Term
    from releases.models import Release

MOST = 6
"""Of each kind, so that all kinds are seen without scrolling."""
MOST_CHARACTERS = 200
"""Longer than any name that is searched for."""
RELEASE = re.compile(r"(?:release\s*|#|release/)?(?P<number>[0-9]{1,18})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """One thing, where it is, and a word on it."""

    title: str
    address: str
    note: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Things of one kind; `rest` is the list that has all of them."""

    label: str
    icon: str
    rows: list[Found]
    rest: str = ""


@page
def search(request: PersonRequest) -> HttpResponseBase:
    """What `?q=` finds of all that the reader may see; for htmx the findings alone."""
    words = request.GET.get("q", "").strip()[:MOST_CHARACTERS]
    groups = found(request.user, words) if words else []
    context = {"words": words, "groups": groups, "total": sum(len(group.rows) for group in groups)}
    template = "releases/search/found.html" if request.htmx else "releases/search/page.html"
    return render(request, template, context)


def found(asker: Person, words: str) -> list[Group]:
    """Groups that are not empty, the most wanted first."""
    models = finding.models(asker, words, MOST + 1)
    everything = (
        Group("Models", "model", [_model(each) for each in models[:MOST]], _models_by(models, search=words)),
        Group("Versions", "tag", [_version(each) for each in finding.versions(asker, words, MOST)]),
        Group("Releases", "live", list(_releases(asker, words, models))),
        Group("Training", "chart", [_term(each) for each in finding.terms(asker, words, MOST)]),
        Group("Tags", "tag", [_tag(each) for each in finding.tags(asker, words, MOST)]),
        Group("People", "user", _people(asker, words)),
    )
    return [group for group in everything if group.rows]


def _models_by(models: list[RegisteredModel], **query: str) -> str:
    return f"{reverse('models')}?{urlencode(query)}" if len(models) > MOST else ""


def _model(model: RegisteredModel) -> Found:
    note = " · ".join(filter(None, (model.task, model.description[:90])))
    return Found(str(model), reverse("model", args=[model.name]), note)


def _version(version: ModelVersion) -> Found:
    address = reverse("version", args=[version.model.name, version.number])
    return Found(f"{version.model} version {version.number}", address, version.digest[:16])


def _releases(asker: Person, words: str, models: list[RegisteredModel]) -> Iterable[Found]:
    """The one of that number, and the newest of models that are called so."""
    seen = set()
    if numbered := RELEASE.fullmatch(words):
        try:
            release = selectors.release(int(numbered["number"]), asker)
        except NotFound:
            pass
        else:
            seen.add(release.pk)
            yield _release(release)
    wanted = words.casefold()
    called = [m.name for m in models if wanted in m.name or wanted in m.called.casefold()]
    for release in lists.newest_releases(called, MOST):
        if release.pk not in seen:
            yield _release(release)


def _release(release: Release) -> Found:
    note = f"{release.model} version {release.version.number} to {release.environment.name}"
    return Found(f"Release {release.pk}", reverse("release", args=[release.pk]), note, release.state)


def _term(term: Term) -> Found:
    address = reverse("version", args=[term.model.name, term.newest])
    return Found(term.text, address, f"{term.kind} of {term.model} version {term.newest}")


def _tag(tag: str) -> Found:
    return Found(tag, f"{reverse('models')}?{urlencode({'tag': tag})}", "models with this tag")


def _people(asker: Person, words: str) -> list[Found]:
    everybody = sees_people(asker)
    return [
        Found(
            person.username,
            reverse("person", args=[person.username])
            if everybody
            else f"{reverse('audit')}?{urlencode({'actor': person.actor})}",
            person.get_full_name() or ("machine account" if person.is_machine else "what they did"),
        )
        for person in finding.people(asker, words, MOST)
    ]
