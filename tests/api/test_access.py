"""Every address, method and role: who gets in is written down here, and nobody else does."""

from __future__ import annotations

import json
from http.cookies import SimpleCookie

import pytest
from django.conf import settings
from django.db import transaction

from registry import selectors
from registry.models import RegisteredModel, Role
from registry.services.people import grant
from registry.services.policy_changes import propose_policy
from releases.services.freezing import make_freeze
from releases.windows import Repeated
from tests import makers
from tests.api.access import ADMITTED
from tests.api.conftest import Caller
from tests.api.routes import METHODS, ROLES, routes

pytestmark = pytest.mark.django_db
GROUNDS = "the night batch needs it"
FREEZE = {"name": "nights", "cron": "0 22 * * *", "zone": "UTC", "minutes": 480, "grounds": GROUNDS}
BODIES = {
    "api-models": {"name": "fresh"},
    "api-model": {"task": "other"},
    "api-policy-actions": {"grounds": GROUNDS},
    "api-labels": {"case": "0", "right": "first"},
    "api-freezes": FREEZE,
    "api-freeze": {"grounds": GROUNDS},
    "api-version-releases": {"environment": "production", "strategy": {"kind": "single"}},
    "api-reviews": {"slot": "technical", "verdict": "approve", "grounds": "looked at all of it"},
    "api-actions": {},
    "api-erasure": {"grounds": GROUNDS},
    "api-people": {"name": "fresh"},
    "api-person": {"grounds": GROUNDS},
    "api-person-reactivation": {"grounds": GROUNDS},
    "api-person-roles": {"role": "viewer", "grounds": GROUNDS},
    "api-tokens": {"name": "mine", "scopes": ["score"]},
    "api-feedback": {"request_id": "x", "reward": 1},
}
FORMS = {
    "api-versions": {"manifest": "model: digits"},
    "release-review": {"slot": "technical", "verdict": "approve", "grounds": "looked at all of it"},
    "decide-policy": {"grounds": GROUNDS},
    "make-freeze": FREEZE | {"environment": "production", "how": "again"},
    "remove-freeze": {"grounds": GROUNDS},
    "deactivate-person": {"grounds": GROUNDS, "typed": "vera"},
    "reactivate-person": {"grounds": GROUNDS},
    "erase-words": {"grounds": GROUNDS, "typed": "vera"},
    "make-person": {"name": "fresh"},
    "grant-role": {"role": "viewer", "grounds": GROUNDS},
    "revoke-role": {"role": "viewer", "grounds": GROUNDS},
    "open-release": {"environment": "production"},
    "tokens": {"name": "mine", "scopes": ["score"], "lifetime": "30"},
}


@pytest.fixture
def place(production, robot, stored_artifacts):
    """A model with a version, its bytes, and a release in review."""
    model = makers.model("digits", robot)
    makers.person("vera")
    proposal = proposed(model)
    asked = BODIES["api-policy-proposals"] = asked_of(makers.model("letters", robot))
    plain = {"cache_mb": "0", "log_share": "0", "mode": "auto", "proof_minutes": "60", "slices": "advise"}
    plain |= {"power": "advise", "min_power": "0.8", "grounds": GROUNDS}
    plain |= {"plus_addresses": "same", "unknown_builder": "show"}
    FORMS["propose-policy"] = plain | {"based_on": asked["based_on"]}
    release = makers.release(makers.version(model, robot))
    release.proposal = proposal
    times = Repeated("0 22 * * *", "UTC", 480)
    release.freeze = make_freeze(
        production, name="weekend", times=times, grounds=GROUNDS, by=makers.person("", admin=True)
    )
    release.rollout = makers.rollout(release)
    return release


def proposed(model):
    """An open change of the model's policy, by an admin who is none of the callers."""
    return propose_policy(model, by=makers.person("root", admin=True), **asked_of(model))


def asked_of(model):
    based_on = selectors.policy_digest(model)
    return {"policy": {"margin": 0.5}, "based_on": based_on, "grounds": GROUNDS}


TOKEN_SCOPES = {
    "score token": ("score", "score-version"),
    "read token": ("read",),
    "ci token": ("upload", "release", "feedback"),
}


@pytest.fixture
def caller(place, robot, token_of):
    def make(role: str) -> Caller:
        if role == "nobody":
            return Caller()
        if role in TOKEN_SCOPES:
            return token_of(robot, *TOKEN_SCOPES[role])
        models = list(RegisteredModel.objects.all())
        if role == "audit token":
            owner = with_role_on(makers.person("watch", is_machine=True), "auditor", models)
            return token_of(owner, "audit-read", models=models)
        person = makers.person(role.replace(" ", "-"), admin=role == "admin")
        return Caller(person=with_role_on(person, role, models))

    return make


def with_role_on(person, role, models):
    """The role on each model rather than on all of them: what is only granted for all is left out."""
    for model in models if role in Role.values and not person.is_superuser else ():
        grant(person, Role(role), model=model)
    return person


def outcome(caller, method, route, release) -> str:
    """in, or how the door stayed shut: log in, forbidden, hidden, no such method."""
    address = route.address(**values_of(route, release))
    if route.pattern.startswith("api/") and route.name not in FORMS:
        sent = {"data": json.dumps(BODIES.get(route.name, {})), "content_type": "application/json"}
        headers = caller.headers
    else:
        sent = {"data": FORMS.get(route.name, {})} if method == "POST" else {}
        headers = caller.headers
    cookies = {name: morsel.value for name, morsel in caller.http.cookies.items()}
    with transaction.atomic():
        answer = getattr(caller.http, method.lower())(
            address, headers=headers, **(sent if method != "GET" else {})
        )
        for close in answer._resource_closers:  # its own close() would end the test's transaction
            close()
        transaction.set_rollback(True)
    caller.http.cookies = SimpleCookie(cookies)
    return _said(answer)


def values_of(route, release):
    """What stands in the address: a deed that can be done there, where there is one."""
    given = {"pk": release.pk, "action": "withdraw", "name": "digits"}
    if route.name in ("release-action", "rollout-action"):
        given["name"] = "withdraw"
    if route.name.startswith("rollout"):
        given["pk"] = release.rollout.pk
    if "person" in route.name or route.name.endswith(("-role", "-words")):
        given["name"] = "vera"
    if "polic" in route.name:
        given |= {"pk": release.proposal.pk, "action": "confirm", "verb": "confirm"}
    if route.name in ("api-freeze", "remove-freeze"):
        given |= {"pk": release.freeze.pk, "name": "production"}
    of_rollouts = (
        "api-evidence",
        "api-outcomes",
        "api-exposures",
        "api-evaluate",
        "api-disagreements",
        "api-labels",
        "labels",
    )
    if route.name in of_rollouts:
        given["pk"] = release.rollout.pk
    if route.name in ("api-policy-proposals", "propose-policy"):
        given |= {"model": "letters", "name": "letters"}
    return given


def _said(answer) -> str:
    if answer.status_code in (401, 302) and (
        answer.status_code == 401
        or answer.headers["Location"].startswith((settings.LOGIN_URL, "/admin/login"))
    ):
        return "log in"
    return {403: "forbidden", 404: "hidden", 405: "no method", 409: "refused", 415: "refused"}.get(
        answer.status_code, "in"
    )


@pytest.mark.parametrize("role", ROLES)
def test_who_gets_in(role, caller, place):
    asker, wrong = caller(role), []
    for route in routes():
        for method in METHODS:
            admitted = ADMITTED[route.name].get(method)
            said = outcome(asker, method, route, place)
            if said == "in" and (admitted is None or role not in admitted):
                wrong.append(f"{role} got in: {method} /{route.pattern}")
            if said != "in" and admitted is not None and role in admitted:
                wrong.append(f"{role} was kept out ({said}): {method} /{route.pattern}")

    assert not wrong, "\n".join(wrong)


def test_every_address_is_in_the_table():
    assert {route.name for route in routes()} == set(ADMITTED)
