"""Who reads one model reads nothing of another one: every address and list, for each kind of reader."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.urls import reverse

from registry.models import RegisteredModel, Role
from registry.services.people import grant, revoke
from releases.models import Release
from tests import makers
from tests.api.conftest import Caller
from tests.api.routes import VALUES, routes

pytestmark = pytest.mark.django_db
SECRET = "zebrafish"
PERSON = f"{SECRET}-ana"
MAIL = f"{PERSON}@lake.example"
WORDS = f"{SECRET} has been looked at"
PART, BEGINS = SECRET[1:-1], SECRET[:-1] + "*"
QUERIES = (
    "",
    f"?search={PART}&q={PART}&at=2099-01-01T00:00:00Z&format=jsonl",
    f"?model={BEGINS}&kind=*",
    f"?subject=model/{BEGINS}",
    f"?actor=person/{BEGINS}&format=csv",
)
"""Searches that find the hidden rows without saying the word, so that an answer repeats none. Whoever is
refused an address, or finds nothing there, is so whatever is searched."""
CARRIED = {
    Role.AUDITOR: ("audit-read", "read"),
    Role.CONTRIBUTOR: ("upload", "release", "score", "score-version", "feedback"),
}


@pytest.fixture
def hidden(production, robot, stored_artifacts) -> Release:
    """Beside `digits`, which the readers may read, one model of which all there is carries a word that is
    nowhere else: its name, its people and their mail, grounds, bytes, manifest and builder."""
    makers.rollout(makers.release(makers.version(makers.model("digits", robot))))
    ana = makers.person(PERSON, Role.CONTRIBUTOR, email=MAIL)
    model = makers.model(SECRET, ana)
    revoke(ana, Role.CONTRIBUTOR, by=makers.person("root", admin=True), why="she has her own model now")
    facts = {"content": SECRET.encode(), "built_by": MAIL, "manifest": {"notes": SECRET}}
    release = makers.release(makers.version(model, ana, **facts))
    makers.rollout(release, reason=SECRET)
    return release


def readers(robot, token_of) -> Iterator[tuple[str, Caller]]:
    """Sessions with one role on `digits`, and tokens of every scope that a role on it carries."""
    digits = RegisteredModel.objects.get(name="digits")
    for role in (Role.AUDITOR, Role.ADMIN, Role.VIEWER):
        person = makers.person(f"one-{role}")
        grant(person, role, model=digits)
        yield f"{role} of one model", Caller(person=person)
    for role, scopes in CARRIED.items():
        machine = makers.person(f"machine-{role}", is_machine=True)
        grant(machine, role, model=digits)
        for scope in scopes:
            yield f"{scope} token of the {role} of one model", token_of(machine, scope)
    for scope in ("upload", "read"):
        yield f"{scope} token for one model", token_of(robot, scope, models=[digits])


def addresses(release: Release) -> list[str]:
    """Every address as it leads to the model that is read, and as it leads to the hidden one."""
    fixed = {"action": "withdraw", "verb": "confirm"}
    theirs = {name: SECRET for name, value in VALUES.items() if value == "digits"}
    theirs |= {"pk": release.pk, "person": PERSON, "digest": release.version.digest}
    paths = []
    for route in routes():
        named = {"name": PERSON} if "person" in route.name or route.name.endswith("-role") else {}
        paths += [route.address(**fixed, pk=1), route.address(**(fixed | theirs | named))]
    return list(dict.fromkeys(paths))


def history(release: Release) -> list[str]:
    """Every list of the admin, searched and not, and the newest rows of each, which are the hidden ones."""
    found = []
    for model in admin.site._registry:
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found += [reverse(f"{base}_changelist") + query for query in ("", f"?q={PART}", "?all=")]
        found += [
            reverse(f"{base}_{view}", args=[row.pk])
            for row in model._default_manager.order_by("-pk")[:2]
            for view in ("change", "history")
        ]
    return found


def told(answer, address: str) -> bool:
    """Whether the answer says the word. One that repeats the path which it was asked for has told nothing."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    text = (content.decode("utf-8", "replace") + str(answer.headers)).replace(address.split("?")[0], "")
    return SECRET in text if answer.status_code == 200 else MAIL in text or WORDS in text


def test_a_reader_of_one_model_is_told_nothing_of_another_one(hidden, robot, token_of):
    told_too_much, read = [], 0
    for name, caller in readers(robot, token_of):
        api_only = "token" in name
        for address in addresses(hidden) + ([] if api_only else history(hidden)):
            if api_only and not address.startswith("/api/"):
                continue
            for query in QUERIES if address.find("/admin/") else ("",):
                answer = caller.http.get(address + query, headers=caller.headers)
                read += answer.status_code == 200
                if told(answer, address):
                    told_too_much.append(f"{name}: {answer.status_code} {address}{query}")
                if answer.status_code in (401, 403, 404, 405):
                    break
    assert not told_too_much, "\n".join(told_too_much)
    assert read > 500, "the walk hardly got anywhere"
