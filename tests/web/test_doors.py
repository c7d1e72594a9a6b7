"""Each state of a release, each role: what the page offers, what the table allows, what REST takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import contextmanager

import pytest
from django.db import transaction

from registry.models import Role
from registry.selectors import access
from releases import actions, policies, selectors
from releases.lifecycle import Action, State
from releases.models import Release
from releases.services import opening, rollouts
from releases.services.transitions import advance
from releases.web import inbox
from tests import makers
from tests.api.conftest import Caller
from tests.releases.rolling import publishing_now
from tests.web import world as worlds

pytestmark = pytest.mark.django_db
WORDS = "Looked at all of it, and it holds."
ROLES = ("amina", "boris", "chloe", "edda", "vera")


def condemned_since(world) -> Release:
    """In review, and its version failed a data gate in another release since."""
    release = in_state(State.IN_REVIEW)(world)
    other = makers.release(release.version, State.VALIDATING, environment="staging")
    other.gate_runs.filter(gate="confidence").update(outcome="failed", summary="too low")
    return release


def of_the_live_version(state: State) -> Callable[[object], Release]:
    def make(world) -> Release:
        version = makers.version(makers.model(owner=world.people["amina"]))
        second = makers.release(version, state)
        makers.release(version, State.LIVE)
        return second

    return make


def errored(world) -> Release:
    worlds.errored(world.validating)
    return world.validating


def beside_another_rollout(world) -> Release:
    coming = worlds.approved(worlds.version(world.model, world.people, 6), world.people, 0.98, 0.96)
    rollouts.start_rollout(coming, by=world.people["chloe"])
    return world.live


def asked_to_retire(world) -> Release:
    rollouts.retire(world.live, by=world.people["chloe"])
    return world.live


def in_state(state: State) -> Callable[[object], Release]:
    return lambda world: makers.release(makers.version(makers.model(owner=world.people["amina"])), state)


def answering(make: Callable[[object], Release]) -> Callable[[object], Release]:
    """With the route that a live release has."""

    def routed(world) -> Release:
        release = make(world)
        publishing_now(release)
        return release

    return routed


def moved(state: State, action: Action, **facts) -> Callable[[object], Release]:
    def make(world) -> Release:
        release = in_state(state)(world)
        advance(release, action, actor="system/test", **facts)
        return release

    return make


CASES: dict[str, Callable[[object], Release]] = {
    "draft": in_state(State.DRAFT),
    "draft of what is live": of_the_live_version(State.DRAFT),
    "validating": lambda world: world.validating,
    "errored": errored,
    "in review": lambda world: world.review,
    "in review, condemned since": condemned_since,
    "in review, live already": of_the_live_version(State.IN_REVIEW),
    "approved": in_state(State.APPROVED),
    "approved, live already": of_the_live_version(State.APPROVED),
    "rolling out": in_state(State.ROLLING_OUT),
    "live": answering(lambda world: world.live),
    "live, the only one": answering(in_state(State.LIVE)),
    "live beside another rollout": beside_another_rollout,
    "live, to be retired": answering(asked_to_retire),
    "superseded": lambda world: Release.objects.get(model=world.model, version__number=1),
    "rejected": lambda world: world.rejected,
    "rolled back": moved(State.LIVE, Action.ROLL_BACK),
    "withdrawn": moved(State.DRAFT, Action.WITHDRAW),
    "retired": moved(State.LIVE, Action.RETIRE),
}


@contextmanager
def undone():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def offered(html: str, release: Release) -> set[str]:
    """The forms of the page, by what they do."""
    address = f"/releases/{release.pk}/"
    found = set(re.findall(rf'action="{address}actions/(\w+)"', html))
    if f'action="{address}retry"' in html:
        found.add("retry_gates")
    if f'href="{address}back"' in html and "do-roll_back" not in html and ">Roll back…" in html:
        found.add("roll_back")
    return found | {f"sign {slot}" for slot in re.findall(r'name="slot" value="(\w+)"', html)}


def allowed(release: Release, asker) -> set[str]:
    """What the table and the policy of signatures say."""
    facts = selectors.facts(release)
    slots = {slot for slot in facts.open_slots if not policies.refuse_review(asker, facts, slot)}
    return {row.name for row, reason in actions.choices(release, asker) if not reason} | {
        f"sign {slot}" for slot in slots
    }


def taken(caller: Caller, release: Release) -> set[str]:
    """What REST takes, of all whose turn it could be."""
    found, facts = set(), selectors.facts(release)
    for name in (row.name for row in actions.TABLE.values() if row.comes_next(facts)):
        with undone():
            answer = caller.post(f"/releases/{release.pk}/actions/{name}", {"grounds": WORDS})
        assert answer.status_code in (200, 403, 409), (name, answer.content)
        assert answer.status_code == 200 or len(answer.json()["detail"]) > 15, name
        if answer.status_code == 200:
            found.add(name)
    for slot in facts.open_slots if facts.state == State.IN_REVIEW else ():
        with undone():
            said = {"slot": slot, "verdict": "approve", "grounds": WORDS}
            if caller.post(f"/releases/{release.pk}/reviews", said).status_code == 201:
                found.add(f"sign {slot}")
    return found


@pytest.mark.parametrize("case", CASES)
def test_what_the_page_offers_is_what_the_table_allows_and_what_rest_takes(world, case):
    release = CASES[case](world)
    for name in ROLES:
        person = world.people[name]
        caller = Caller(person=person)
        release = selectors.release(release.pk, person)
        may = allowed(release, access(person, None, release.model))
        html = caller.http.get(f"/releases/{release.pk}/").content.decode()
        shown = caller.get(f"/releases/{release.pk}").json()

        assert offered(html, release) == may, (case, name)
        assert set(shown["actions"]) == {each for each in may if not each.startswith("sign ")}, (case, name)
        assert taken(caller, release) == may, (case, name)


@pytest.mark.parametrize("state", [State.SUPERSEDED, State.REJECTED, State.VALIDATING])
def test_an_action_out_of_turn_is_refused_with_what_would_be_possible(world, state):
    release = Release.objects.filter(model=world.model, state=state).first()
    chloe = Caller(person=world.people["chloe"])
    facts = selectors.facts(release)
    for name, row in actions.TABLE.items():
        if not row.comes_next(facts):
            answer = chloe.post(f"/releases/{release.pk}/actions/{name}", {"grounds": WORDS})
            assert answer.status_code in (403, 409), name
            assert len(answer.json()["detail"]) > len("Not now."), name


def test_the_table_has_every_action_that_people_take_by_the_law():
    assert {row.step for row in actions.TABLE.values() if row.act} - {None} == {
        Action.SUBMIT,
        Action.WITHDRAW,
        Action.START_ROLLOUT,
        Action.PROMOTE,
        Action.END_TRIAL,
        Action.ROLL_BACK,
        Action.RETIRE,
    }


def opens(caller: Caller, version, environment: str):
    body = {"environment": environment, "strategy": {"kind": "single"}}
    with undone():
        return caller.post(f"/models/{version.model.name}/versions/{version.number}/releases", body)


def test_a_release_is_offered_only_where_it_can_lead_somewhere(world, as_):
    amina, caller = as_("amina"), Caller(person=world.people["amina"])
    address = "/models/digits/versions/2/"
    assert "Open a release" not in amina.get(address).content.decode()
    refused = opens(caller, world.live.version, "production")
    assert (refused.status_code, refused.json()["code"]) == (409, "already_live")
    assert refused.json()["detail"] == "This very version is live here already: there is nothing to release."
    form = {"environment": "production"}
    assert amina.post(f"{address}releases", form).status_code == 409

    makers.environment("staging")
    html = amina.get(address).content.decode()
    form = html[html.index('id="environment"') : html.index("</select>", html.index('id="environment"'))]
    assert re.findall(r"<option>\s*(\w+)\s*</option>", form) == ["staging"]
    assert "Not to production: This very version is live here already" in html
    assert opens(caller, world.live.version, "staging").status_code == 201
    assert opens(caller, world.rejected.version, "staging").json()["code"] == "condemned_version"
    assert "Open a release" not in amina.get("/models/digits/versions/4/").content.decode()


def waits(person) -> list[tuple[str, str]]:
    return [(row.title, row.what) for row in inbox.waiting(person).rows]


def test_a_draft_waits_for_whoever_opened_it_and_for_nobody_else(world):
    amina = world.people["amina"]
    before = {name: waits(world.people[name]) for name in ROLES}
    opening.open_release(
        worlds.version(world.model, world.people, 6),
        environment="production",
        strategy={"kind": "single"},
        by=amina,
        submit=False,
    )
    after = {name: waits(world.people[name]) for name in ROLES}
    assert after["amina"] == [*before["amina"], ("digits version 6", "submit it, or withdraw it")]
    assert {name: told for name, told in after.items() if name != "amina"} == {
        name: told for name, told in before.items() if name != "amina"
    }


@pytest.mark.parametrize("case", ["in review, condemned since", "in review, live already"])
def test_what_leads_nowhere_stands_in_no_inbox(world, case):
    before = {name: waits(world.people[name]) for name in ("boris", "chloe", "edda")}
    CASES[case](world)
    assert {name: waits(world.people[name]) for name in before} == before


def test_a_model_that_somebody_wants_offline_waits_for_the_second_person(world):
    other = makers.person("oli", Role.RELEASE_MANAGER)
    asked_to_retire(world)
    told = ("digits version 2", "agree with chloe to take the model offline")
    assert told in waits(world.people["edda"])
    assert told in waits(other)
    assert told not in waits(world.people["chloe"])
    rollouts.retire(world.live, by=other)
    assert told not in waits(world.people["edda"])
