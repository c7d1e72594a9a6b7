"""What a token may do: its scopes, on its models, as far as its owner's roles carry them today."""

from __future__ import annotations

import pytest

from formats.plan import EVERY_MODEL
from registry.errors import NotAllowed
from registry.models import Role
from registry.services.people import grant, revoke
from registry.services.tokens import create_token
from releases.rollout import publishing
from tests import makers
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db
WHY = "the pipeline has moved"


@pytest.fixture
def root(db):
    return makers.person("root", admin=True)


@pytest.fixture
def digits(robot, stored_artifacts):
    model = makers.model("digits", robot)
    makers.version(model, robot)
    return model


@pytest.mark.parametrize(
    ("role", "scope"),
    [("viewer", "upload"), ("viewer", "release"), ("contributor", "audit-read"), ("approver", "upload")],
)
def test_not_even_an_admin_gives_a_machine_a_scope_that_its_role_does_not_carry(root, role, scope):
    machine = makers.person("machine", role, is_machine=True)
    with pytest.raises(NotAllowed, match=f"scope {scope} needs an owner with the role"):
        create_token("t", owner=machine, scopes=[scope], by=root)


def test_a_scope_is_given_on_the_models_on_which_the_role_is_held(root, digits):
    machine = makers.person("machine", is_machine=True)
    other = makers.model("letters")
    grant(machine, Role.CONTRIBUTOR, model=digits)
    create_token("t", owner=machine, scopes=["upload"], by=root, models=[digits])
    with pytest.raises(NotAllowed, match="contributor on letters"):
        create_token("t", owner=machine, scopes=["upload"], by=root, models=[digits, other])


def test_an_admin_makes_tokens_of_machines_and_of_nobody_else(root, amina, robot):
    create_token("t", owner=robot, scopes=["upload"], by=root)
    with pytest.raises(NotAllowed, match="for yourself"):
        create_token("t", owner=amina, scopes=["upload"], by=root)
    with pytest.raises(NotAllowed, match="for yourself"):
        create_token("t", owner=robot, scopes=["upload"], by=amina)


def test_an_admin_of_one_model_makes_no_token_of_a_machine(robot, digits):
    local = makers.person("local")
    grant(local, Role.ADMIN, model=digits)
    with pytest.raises(NotAllowed, match="for yourself"):
        create_token("t", owner=robot, scopes=["upload"], by=local, models=[digits])


def test_a_machine_makes_no_tokens_however_it_got_in(robot):
    with pytest.raises(NotAllowed, match="machine does not make tokens"):
        create_token("t", owner=robot, scopes=["upload"], by=robot)


def test_a_scope_goes_with_the_role_that_carried_it(digits, root, token_of):
    watch = makers.person("watch", Role.AUDITOR, is_machine=True)
    reader = token_of(watch, "audit-read")
    assert reader.get("/events").status_code == reader.get("/events/verify").status_code == 200
    grant(watch, Role.VIEWER)
    revoke(watch, Role.AUDITOR, by=root, why=WHY)
    assert reader.get("/events").status_code == reader.get("/events/verify").status_code == 403
    assert reader.get("/models/digits").status_code == 404


@pytest.mark.parametrize("scopes", [("score",), ("feedback",), ("score", "score-version", "feedback")])
def test_a_token_of_a_client_reads_nothing_of_the_registry(digits, robot, token_of, scopes):
    client = token_of(robot, *scopes)
    for address in ("", "/versions/1", "/versions/1/files/model", "/versions/1/files/confidence"):
        refused = client.get(f"/models/digits{address}")
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed"), address
        assert "lacks the scope read" in refused.json()["detail"]
    elsewhere = token_of(robot, *scopes, models=[makers.model("other")])
    assert elsewhere.get("/models/digits").status_code == 404, "not even that it is there"
    assert client.get("/models").json()["results"] == []


@pytest.mark.parametrize("scope", ["upload", "release"])
def test_files_take_the_scope_read(digits, robot, token_of, scope):
    pipeline, reader = token_of(robot, scope), token_of(robot, "read", models=[digits])
    address = "/models/digits/versions/1/files/confidence"
    refused = pipeline.get(address)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert "scope read" in refused.json()["detail"]
    got = reader.get(address)
    assert got.status_code == 200
    assert b"".join(got.streaming_content)


def test_read_is_for_the_models_of_the_token(digits, robot, token_of):
    other = makers.model("letters", robot)
    assert token_of(robot, "read", models=[other]).get("/models/digits/versions/1").status_code == 404


def test_a_token_for_one_model_registers_no_other(digits, robot, token_of):
    refused = token_of(robot, "upload", models=[digits]).post("/models", {"name": "fresh"})
    assert refused.status_code == 403
    assert "for all models" in refused.json()["detail"]
    assert token_of(robot, "upload").post("/models", {"name": "fresh"}).status_code == 201


def test_a_session_of_a_machine_obeys_the_rules_of_machines(digits):
    machine = makers.person("machine", Role.ADMIN, Role.RELEASE_MANAGER, is_machine=True)
    caller = Caller(person=machine)
    body = {"role": "approver", "grounds": WHY}
    assert caller.call("PATCH", "/models/digits", {"task": "x"}).status_code == 403
    assert caller.post("/people/robot/roles", body).status_code == 403
    assert caller.post("/tokens", {"name": "t", "scopes": ["score"]}).status_code == 403
    assert caller.http.get("/admin/").status_code == 302


def planned(token) -> frozenset[str] | None:
    plan = publishing.build(makers.environment())
    return next((t.models for t in plan.tokens if t.id == token.identifier), None)


def test_nodes_know_a_token_for_the_models_on_which_its_owner_has_a_role(digits, root):
    makers.model("letters")
    app = makers.person("app", is_machine=True)
    grant(app, Role.VIEWER, model=digits)
    token, _ = create_token("t", owner=app, scopes=["score"], by=root)
    assert planned(token) == {"digits"}
    grant(app, Role.VIEWER)
    assert planned(token) == {EVERY_MODEL}
    revoke(app, Role.VIEWER, by=root, why=WHY)
    assert planned(token) == {"digits"}
    revoke(app, Role.VIEWER, by=root, why=WHY, model=digits)
    assert planned(token) is None


@pytest.mark.parametrize("kind", ["role.granted", "role.revoked", "token.created", "token.revoked"])
def test_what_changes_a_token_goes_out_with_the_plan(kind, production, root):
    from releases.tasks import REACTIONS

    event = type("Event", (), {"kind": kind, "subject": "token/t", "facts": {}})()
    assert [wanted.kind for wanted in REACTIONS[kind](event)] == ["publish_plan"]
