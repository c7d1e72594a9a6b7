"""People and their roles by page and by REST, and the page that a link opens once."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from registry.models import Membership, Person
from registry.services import invitations
from registry.services.tokens import create_token
from tests.makers import PASSWORD
from tests.web.test_release_page import grow_old

WHY = "She joins the team that reads forms."


def link_in(html: str) -> str:
    return "/welcome/" + html.split("/welcome/")[1].split("<")[0].split('"')[0]


def test_an_admin_makes_an_account_and_its_person_chooses_the_password(world, as_):
    html = as_("admin").post("/people/new", {"name": "nora"})
    assert html["Cache-Control"] == "no-store"
    link = link_in(html.content.decode())
    client = Client()
    page = client.get(link)
    assert "Welcome, nora" in page.content.decode()
    assert page["Referrer-Policy"] == "no-referrer"
    wrong = client.post(link, {"password": PASSWORD, "again": "another password"})
    assert (wrong.status_code, "The two passwords differ" in wrong.content.decode()) == (422, True)
    assert client.post(link, {"password": "short", "again": "short"}).status_code == 422
    assert client.post(link, {"password": PASSWORD, "again": PASSWORD})["Location"] == "/"
    assert client.get("/tokens/").status_code == 200, "logged in"
    assert Client().get(link).status_code == 404
    assert as_("nora").get("/").status_code == 200


def test_the_first_account_is_an_admins_by_a_link_that_opens_once(db):
    link = f"/welcome/{invitations.invite(None)}"
    client = Client()
    assert "The first account" in client.get(link).content.decode()
    form = {"name": "ada lovelace", "password": PASSWORD, "again": PASSWORD}
    assert client.post(link, form).status_code == 422
    assert client.post(link, form | {"name": "ada"})["Location"] == "/people/"
    assert client.get("/people/").status_code == 200
    assert Person.objects.get().is_superuser
    assert Client().get(link).status_code == 404
    assert Client().post(link, form | {"name": "eve"}).status_code == 404


def test_the_operator_gets_the_link_at_the_command_line(db):
    out = io.StringIO()
    call_command("invite", url="https://assay.example.org", stdout=out)
    link = out.getvalue().strip()
    assert link.startswith("https://assay.example.org/welcome/")
    form = {"name": "ada", "password": PASSWORD, "again": PASSWORD}
    assert Client().post(link_in(link), form).status_code == 302
    with pytest.raises(CommandError, match="accounts here already"):
        call_command("invite")
    call_command("invite", "ada", stdout=out)


def test_roles_are_granted_and_revoked_by_page(world, as_):
    admin = as_("admin")
    grant = {"role": "approver", "model": "digits", "grounds": WHY}
    assert admin.post("/people/vera/roles/grant", grant)["Location"] == "/people/vera/"
    assert "Granted: approver on digits." in admin.get("/people/vera/").content.decode()
    assert Membership.objects.filter(person__username="vera", role="approver", model=world.model).exists()
    refused = admin.post("/people/vera/roles/revoke", grant | {"grounds": "no"})
    assert refused.status_code == 422
    assert "Say on what grounds" in refused.content.decode()
    admin.post("/people/vera/roles/revoke", grant)
    assert not Membership.objects.filter(person__username="vera", role="approver").exists()
    assert WHY not in as_("dara").get("/people/vera/").content.decode()


def test_an_old_password_is_asked_for_again_and_the_words_are_kept(world, as_):
    admin = as_("admin")
    grow_old(admin)
    grant = {"role": "auditor", "model": "", "grounds": WHY}
    asked = admin.post("/people/vera/roles/grant", grant)
    assert asked["Location"] == "/reauthenticate?next=/people/vera/"
    admin.post("/reauthenticate", {"password": PASSWORD, "next": "/people/vera/"})
    assert WHY in admin.get("/people/vera/").content.decode()
    assert not Membership.objects.filter(person__username="vera", role="auditor").exists()


def test_the_same_over_rest(world, as_):
    admin = as_("admin")

    def call(method, path, **document):
        return getattr(admin, method)(f"/api/v1{path}", json.dumps(document), content_type="application/json")

    made = call("post", "/people", name="nora")
    assert made.status_code == 201, made.content
    link = link_in(made.json()["link"])
    assert Client().post(link, {"password": PASSWORD, "again": PASSWORD}).status_code == 302
    roles = "/people/nora/roles"
    granted = call("post", roles, role="contributor", model="digits", grounds=WHY)
    assert [(r["role"], r["model"]) for r in granted.json()["roles"]] == [("contributor", "digits")]
    assert admin.get(f"/api/v1{roles}").json() == granted.json()["roles"]
    assert call("post", roles, role="king", grounds=WHY).status_code == 422
    assert call("post", roles, role="viewer").status_code == 422
    assert call("post", "/people", name="nora").status_code == 409
    assert call("delete", roles, role="contributor", model="digits", grounds=WHY).json()["roles"] == []
    listed = {each["name"]: each for each in admin.get("/api/v1/people").json()["results"]}
    assert listed["admin"]["admin"] is True
    assert "password" not in json.dumps(listed)


def test_a_token_grants_nothing_not_even_an_admins(world):
    people = world.people
    _, secret = create_token("x", owner=people["admin"], by=people["admin"], scopes=["audit-read"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    document = json.dumps({"role": "approver", "grounds": WHY})
    for path in ("/people", "/people/vera/roles"):
        assert client.post(f"/api/v1{path}", document, content_type="application/json").status_code == 403
        assert client.get(f"/api/v1{path}").status_code == 403
