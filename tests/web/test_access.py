"""Every route, every kind of person: what is not granted is refused."""

from __future__ import annotations

from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from registry.logins import sessions
from registry.models import Person
from registry.selectors import policy_digest
from registry.services.policy_changes import propose_policy
from registry.services.tokens import create_token
from registry.web import urls as registry_urls
from releases.models import Rollout
from releases.services.freezing import make_freeze
from releases.web import urls as release_urls
from releases.windows import Repeated
from tests import makers
from tests.web import staged
from tests.web import world as worlds

PEOPLE = ("amina", "boris", "chloe", "dev", "edda", "dara", "vera", "admin", "nobody")
SEEING = frozenset(PEOPLE) - {"nobody"}
EVERYBODY = frozenset(PEOPLE)

# route name -> (method, path, who gets an answer other than 403 and 404)
PAGES = {
    "models": ("/", EVERYBODY),
    "model": ("/models/digits/", SEEING),
    "compare": ("/models/digits/compare/?base=1&head=2", SEEING),
    "answers": ("/models/digits/compare/rows?base=1&head=2", SEEING),
    "answers-file": ("/models/digits/compare/rows.csv", frozenset()),  # none are kept here
    "policy": ("/models/digits/policy/", SEEING),
    "version": ("/models/digits/versions/2/", SEEING),
    "version-file": ("/models/digits/versions/2/files/card", SEEING),
    "releases": ("/releases/", EVERYBODY),
    "release": ("/releases/{live}/", SEEING),
    "release-panel": ("/releases/{live}/panel", SEEING),
    "release-back": ("/releases/{live}/back", SEEING),
    "rollout": ("/rollouts/{rollout}/", SEEING),
    "rollout-panel": ("/rollouts/{rollout}/panel", SEEING),
    "rollout-events": ("/rollouts/{rollout}/events", SEEING),
    "rollout-what-if": ("/rollouts/{rollout}/what-if", SEEING),
    "rollout-answers": ("/rollouts/{rollout}/answers", frozenset({"chloe", "dara"})),
    "search": ("/search/?q=digits", EVERYBODY),
    "health": ("/health/", EVERYBODY),
    "nodes": ("/nodes/", EVERYBODY),
    "news": ("/news?since=0", EVERYBODY),
    "labels": ("/rollouts/{rollout}/labels/", frozenset({"boris", "chloe"})),
    "freezes": ("/freezes/", EVERYBODY),
    "model-traffic": ("/models/digits/traffic", SEEING),
    "audit": ("/audit/", EVERYBODY),
    "audit-verify": ("/audit/verify", frozenset({"dara", "admin"})),
    "audit-export": ("/audit/export?format=jsonl", EVERYBODY),
    "people": ("/people/", frozenset({"dara", "admin"})),
    "person": ("/people/vera/", frozenset({"dara", "admin"})),
    "tokens": ("/tokens/", EVERYBODY),
    "account": ("/account/", EVERYBODY),
    "reauthenticate": ("/reauthenticate", EVERYBODY),
}
OPEN = {"login", "logout", "theme", "welcome"}
WORDS = "the night batch needs more room"
PROPOSED = {
    "based_on": "",
    "slots": ["privacy"],
    "cache_mb": "0",
    "log_share": "0",
    "slices": "advise",
    "power": "advise",
    "min_power": "0.8",
    "plus_addresses": "same",
    "unknown_builder": "show",
    "proof_minutes": "60",
    "mode": "auto",
    "grounds": WORDS,
}
# route name -> (path, form, who may do it; for everybody else nothing happens)
DEEDS = {
    "open-release": ("/models/digits/versions/1/releases", {"environment": "production"}, {"amina", "chloe"}),
    "release-review": (
        "/releases/{review}/reviews",
        {"slot": "approval", "verdict": "approve", "grounds": "looked at all of it"},
        {"edda"},
    ),
    "release-action": (
        "/releases/{validating}/actions/withdraw",
        {"grounds": "a mistake"},
        {"amina", "chloe"},
    ),
    "rollout-action": ("/rollouts/{moving}/actions/roll_back", {"typed": "digits"}, {"chloe"}),
    "release-retry": ("/releases/{errored}/retry", {}, {"amina", "chloe"}),
    "propose-policy": ("/models/letters/policy/proposals", PROPOSED, {"admin"}),
    "decide-policy": ("/models/digits/policy/proposals/{proposal}/confirm", {"grounds": WORDS}, {"edda"}),
    "give-label": ("/rollouts/{moving}/labels/give", {"case": "0", "right": "first"}, set()),  # none is kept
    "undo-label": ("/rollouts/{moving}/labels/undo", {}, set()),
    "make-freeze": (
        "/freezes/new",
        {
            "environment": "production",
            "name": "nights",
            "how": "again",
            "cron": "0 22 * * *",
            "minutes": "480",
            "zone": "UTC",
            "grounds": WORDS,
        },
        {"chloe", "admin"},
    ),
    "remove-freeze": ("/freezes/production/{freeze}/remove", {"grounds": WORDS}, {"chloe", "admin"}),
    "make-person": ("/people/new", {"name": "new", "email": ""}, {"admin"}),
    "person-link": ("/people/vera/link", {}, {"admin"}),
    "grant-role": ("/people/vera/roles/grant", {"role": "approver", "grounds": WORDS}, {"admin"}),
    "revoke-role": ("/people/vera/roles/revoke", {"role": "viewer", "grounds": WORDS}, {"admin"}),
    "deactivate-person": ("/people/vera/deactivate", {"grounds": WORDS, "typed": "vera"}, {"admin"}),
    "reactivate-person": ("/people/gone/reactivate", {"grounds": WORDS}, {"admin"}),
    "erase-words": ("/people/vera/erase", {"grounds": WORDS, "typed": "vera"}, {"admin"}),
    "choose-mail": ("/account/mail", {"ended": "on"}, EVERYBODY),
    "end-session": ("/account/sessions/{session}", {}, {"chloe"}),
    "end-other-sessions": ("/account/sessions/others", {}, EVERYBODY),
    "token-revoke": ("/tokens/{token}/revoke", {}, {"chloe"}),
}


def names(patterns) -> set[str]:
    found = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            found |= names(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            found.add(pattern.name)
    return found


NONE = {"freeze": 0, "errored": 0, "token": 0, "proposal": 0, "session": "none", "moving": 0}


def fill(path: str, world, **more: object) -> str:
    pks = {name: getattr(world, name).pk for name in ("live", "review", "validating")}
    return path.format(**NONE | pks | {"rollout": world.live.rollouts.get().pk} | more)


def read_all(response):
    """A download is a stream: read to its end, or its file stays open."""
    if response.streaming:
        b"".join(response.streaming_content)
    return response


def test_the_table_knows_every_route():
    known = {*PAGES, *DEEDS, *OPEN}
    assert names(registry_urls.urlpatterns) | names(release_urls.urlpatterns) == known
    assert known <= names(get_resolver().url_patterns)


def test_a_stranger_is_sent_to_the_log_in(world):
    answers = [Client().get(fill(path, world)) for path, _ in PAGES.values()]
    assert {answer.status_code for answer in answers} == {302}
    assert all(answer["Location"].startswith("/login?next=") for answer in answers)
    for path, form, _ in DEEDS.values():
        answer = Client().post(fill(path, world), form)
        asked = answer.status_code == 401 and b"<h1>Log in</h1>" in answer.content
        assert asked or answer["Location"].startswith("/login?next="), path
    parts = [Client(headers={"HX-Request": "true"}).get(fill(path, world)) for path, _ in PAGES.values()]
    assert {(answer.status_code, answer.content) for answer in parts} == {(401, b"")}


def test_a_page_is_shown_to_those_who_may_see_it_and_to_nobody_else(world, as_):
    seen: dict[str, set[str]] = {route: set() for route in PAGES}
    for name in PEOPLE:
        client = as_(name)
        for route, (path, _) in PAGES.items():
            status = read_all(client.get(fill(path, world))).status_code
            assert status in {200, 403, 404}, (route, name, status)
            if status == 200:
                seen[route].add(name)
    assert seen == {route: set(may) for route, (_, may) in PAGES.items()}


def test_pages_are_only_looked_at_and_a_button_is_never_a_link(world, as_):
    client = as_("admin")
    forms = {"tokens", "account", "reauthenticate"}
    answers = {
        route: client.post(fill(path, world)) for route, (path, _) in PAGES.items() if route not in forms
    }
    answers |= {route: client.get(fill(path, world)) for route, (path, _, _) in DEEDS.items()}
    assert {route: answer.status_code for route, answer in answers.items()} == dict.fromkeys(answers, 405)


def test_a_deed_is_done_for_those_who_may_and_for_nobody_else(world, as_):
    token, _ = create_token("ci", owner=world.people["chloe"], by=world.people["chloe"], scopes=["score"])
    waiting = worlds.running(worlds.version(world.model, world.people, 6), world.people)
    worlds.errored(waiting)
    other = makers.person("root", admin=True)
    proposal = propose_policy(
        world.model,
        policy={"margin": 0.5},
        based_on=policy_digest(world.model),
        grounds=WORDS,
        by=other,
    )
    makers.person("gone")
    Person.objects.filter(username="gone").update(is_active=False)
    as_("chloe")
    session = sessions(world.people["chloe"])[0].identifier
    letters = makers.model("letters", world.people["amina"])
    PROPOSED["based_on"] = policy_digest(letters)
    made = {"errored": waiting.pk, "token": token.pk, "proposal": proposal.pk, "session": session}
    times = Repeated("0 22 * * *", "UTC", 480)
    window = make_freeze(world.live.environment, name="weekend", times=times, grounds=WORDS, by=other)
    made["freeze"] = window.pk
    made["moving"] = staged.build(world, number=7).rollout.pk
    Rollout.objects.update(origin=None)  # what has been told of its stages here is no plan that nodes follow
    done: dict[str, set[str]] = {route: set() for route in DEEDS}
    for name in PEOPLE:
        client = as_(name)
        for route, (path, form, _) in DEEDS.items():
            undo = transaction.savepoint()
            address = fill(path, world, **made)
            response = client.post(address, form)
            transaction.savepoint_rollback(undo)
            assert response.status_code in {200, 302, 403, 404, 409}, (route, name, response.status_code)
            if response.status_code in {200, 302}:
                done[route].add(name)
    assert done == {route: may for route, (_, _, may) in DEEDS.items()}


def test_a_form_of_another_site_does_nothing(world):
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["chloe"])
    forms = [(fill(path, world), form) for path, form, _ in DEEDS.values()]
    forms += [(path, {}) for path in ("/login", "/logout", "/theme", "/reauthenticate", "/tokens/")]
    for path, form in forms:
        response = client.post(path, form)
        assert response.status_code == 403, path
        assert "nothing was changed" in response.content.decode(), path


def test_what_one_may_not_see_is_not_told_to_exist(world, as_):
    client = as_("nobody")
    hidden = client.get("/models/digits/")
    absent = client.get("/models/nothing/")
    assert hidden.status_code == absent.status_code == 404
    assert "digits" not in client.get("/").content.decode()
    assert "digits" not in client.get("/releases/").content.decode()
    assert "digits" not in client.get("/audit/").content.decode()
    assert b"digits" not in b"".join(client.get("/audit/export").streaming_content)
