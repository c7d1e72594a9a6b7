"""Accounts that end and come back, words that go, passwords and sessions: by page and by REST."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from registry import events
from registry.errors import NotAllowed
from registry.models import ApiToken, Event, Grounds, Person, Role, Session
from registry.services import accounts, invitations, people
from registry.services.tokens import create_token
from tests import makers
from tests.makers import PASSWORD
from tests.web import reading
from tests.web.test_people_page import link_in
from tests.web.test_release_page import grow_old

WHY = "She has left the company for good."
OTHER = "another horse battery"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130 Safari/537.36"


def rest(client, method, path, **document):
    return client.generic(
        method.upper(), f"/api/v1{path}", json.dumps(document), content_type="application/json"
    )


def test_an_account_is_taken_out_of_use_and_all_of_it_ends(world, as_):
    admin, chloe, person = as_("admin"), as_("chloe"), world.people["chloe"]
    token, secret = create_token("ci", owner=person, by=person, scopes=["score"])
    bearer = {"Authorization": f"Bearer {secret}"}
    link = invitations.invite(person, by=world.people["admin"])
    assert chloe.get("/account/").status_code == 200

    refused = admin.post("/people/chloe/deactivate", {"grounds": WHY, "typed": "chlo"})
    assert (refused.status_code, "Type the name chloe" in refused.content.decode()) == (422, True)
    assert WHY in refused.content.decode()
    done = admin.post("/people/chloe/deactivate", {"grounds": WHY, "typed": "chloe"})

    assert done["Location"] == "/people/chloe/"
    assert "out of use" in admin.get("/people/chloe/").content.decode()
    assert chloe.get("/account/")["Location"].startswith("/login")
    assert Client().post("/login", {"username": "chloe", "password": PASSWORD}).status_code == 422
    assert Client().get("/api/v1/models", headers=bearer).status_code == 401
    assert Client().get(f"/welcome/{link}").status_code == 404
    assert not person.memberships.exists()
    assert ApiToken.objects.get(pk=token.pk).revoked_at
    ended = Event.objects.get(kind="person.deactivated")
    assert (ended.subject, ended.actor, ended.facts["sessions"]) == ("person/chloe", "person/admin", 1)
    kinds = {*Event.objects.filter(seq__lt=ended.seq, actor="person/admin").values_list("kind", flat=True)}
    assert {"role.revoked", "token.revoked"} <= kinds
    assert Grounds.objects.get(digest=ended.facts["grounds"]).text == WHY
    assert "chloe" in admin.get("/audit/?subject=person/chloe").content.decode()
    assert events.verify().broken_at is None


def test_it_comes_back_without_roles_tokens_and_sessions(world, as_):
    admin, chloe = as_("admin"), as_("chloe")
    accounts.deactivate(world.people["chloe"], by=world.people["admin"], why=WHY)
    admin.post("/people/chloe/reactivate", {"grounds": "She has come back to us."})
    again = Person.objects.get(username="chloe")
    assert again.is_active
    assert not again.memberships.exists()
    assert chloe.get("/account/").status_code == 302, "an old session stays ended"
    assert as_("chloe").get("/account/").status_code == 200
    assert [*Event.objects.filter(kind="person.reactivated").values_list("subject", flat=True)] == [
        "person/chloe"
    ]


def test_the_last_administrator_stays(db):
    root, second = makers.person("root", admin=True), makers.person("second")
    with pytest.raises(NotAllowed, match="last administrator"):
        accounts.deactivate(root, by=root, why=WHY)
    makers.person("robot", Role.ADMIN, is_machine=True)
    people.create_person("invited", password=None, admin=True)
    with pytest.raises(NotAllowed, match="last administrator"):
        accounts.deactivate(root, by=root, why=WHY)
    people.grant(second, Role.ADMIN, by=root, why=WHY)
    accounts.deactivate(root, by=second, why=WHY)
    with pytest.raises(NotAllowed, match="last administrator"):
        people.revoke(second, Role.ADMIN, by=second, why=WHY)
    client = Client()
    client.force_login(second)
    assert "This is the last administrator" in client.get("/people/second/").content.decode()


def test_the_same_over_rest_and_twice_is_once(world, as_):
    admin = as_("admin")
    assert rest(as_("vera"), "delete", "/people/chloe", grounds=WHY).status_code == 403
    assert rest(admin, "delete", "/people/chloe", grounds="no").status_code == 422
    gone = rest(admin, "delete", "/people/chloe", grounds=WHY)
    assert (gone.status_code, gone.json()["active"], gone.json()["roles"]) == (200, False, [])
    assert rest(admin, "delete", "/people/chloe", grounds=WHY).status_code == 200
    assert admin.get("/api/v1/people/chloe").json()["active"] is False
    assert rest(admin, "post", "/people/chloe/invitation").status_code == 404
    back = rest(admin, "post", "/people/chloe/reactivation", grounds="She has come back.")
    assert back.json()["active"] is True
    kinds = [*Event.objects.filter(subject="person/chloe").values_list("kind", flat=True)]
    assert kinds.count("person.deactivated") == kinds.count("person.reactivated") == 1
    link = rest(admin, "post", "/people/chloe/invitation").json()["link"]
    answer = Client().post(link_in(link), {"password": OTHER, "again": OTHER})
    assert answer.status_code == 302
    assert Person.objects.get(username="chloe").check_password(OTHER)


def test_a_link_for_another_password_ends_the_sessions(world, as_):
    edda = as_("edda")
    text = invitations.invite(world.people["edda"], by=world.people["admin"])
    Client().post(f"/welcome/{text}", {"password": OTHER, "again": OTHER})
    assert edda.get("/account/").status_code == 302
    assert Session.objects.filter(person=world.people["edda"]).count() == 1, "the one of the link"


def test_words_are_erased_by_the_page(world, as_):
    admin = as_("admin")
    erased = Grounds.objects.filter(author=world.people["admin"])
    people.grant(world.people["vera"], Role.AUDITOR, by=world.people["admin"], why=WHY)
    page = reading.html(admin.get("/people/admin/"))
    for words in ("for good", "its chain still holds", "Signatures, verdicts and roles stay"):
        assert words in page
    assert "Erase their words" not in as_("dara").get("/people/admin/").content.decode()
    said = {"grounds": "She has asked us to, by letter.", "typed": "admin"}
    assert admin.post("/people/admin/erase", said | {"typed": ""}).status_code == 422
    assert erased.filter(text=WHY).exists()
    grow_old(admin)
    assert admin.post("/people/admin/erase", said)["Location"].startswith("/reauthenticate")
    admin.post("/reauthenticate", {"password": PASSWORD})
    assert admin.post("/people/admin/erase", said)["Location"] == "/people/admin/"
    assert "1 text is erased" in admin.get("/people/admin/").content.decode()
    assert not erased.filter(text=WHY).exists()
    assert Event.objects.get(kind="grounds.erased").actor == "person/admin"
    assert events.verify().broken_at is None


def test_an_own_password_is_changed_with_the_old_one_and_ends_the_other_sessions(world, as_):
    here, elsewhere = as_("vera"), as_("vera")
    form = {"old": PASSWORD, "new": OTHER, "again": OTHER}
    for wrong, words in (
        ({"old": "not mine at all"}, "This is not the password"),
        ({"again": "different here"}, "The two passwords differ"),
        ({"new": "short", "again": "short"}, "at least 10 characters"),
        ({"new": PASSWORD, "again": PASSWORD}, "the password that you have"),
    ):
        answer = here.post("/account/", form | wrong)
        assert (answer.status_code, words in answer.content.decode()) == (422, True), wrong
    assert here.post("/account/", form)["Location"] == "/account/"
    assert here.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302
    told = Event.objects.get(kind="password.changed")
    assert (told.subject, told.actor, told.facts) == ("person/vera", "person/vera", {"sessions": 1})
    assert OTHER not in told.payload


def test_wrong_passwords_are_counted_there_as_at_the_log_in(world, as_):
    vera, form = as_("vera"), {"old": "not mine at all", "new": OTHER, "again": OTHER}
    for _ in range(6):
        answer = vera.post("/account/", form)
    assert "Too many wrong passwords" in answer.content.decode()
    assert rest(vera, "put", "/account/password", old=PASSWORD, new=OTHER).status_code == 403


def test_sessions_are_listed_by_device_and_end_one_by_one_or_together(world, as_):
    here, second, third = as_("vera"), as_("vera", headers={"User-Agent": CHROME}), as_("vera")
    page = here.get("/account/").content.decode()
    assert "Chrome on Linux" in page
    assert page.count("this one") == 1
    assert all(session.session_key not in page for session in Session.objects.all())
    other = Session.objects.get(device="Chrome on Linux").identifier
    assert as_("edda").post(f"/account/sessions/{other}").status_code == 404
    here.post(f"/account/sessions/{other}")
    assert second.get("/account/").status_code == 302
    here.post("/account/sessions/others")
    assert third.get("/account/").status_code == 302
    assert here.get("/account/").status_code == 200
    told = [*Event.objects.filter(kind="session.ended").values_list("facts", flat=True)]
    assert told == [{"sessions": 1, "device": "Chrome on Linux"}, {"sessions": 1}]


def test_the_same_of_ones_own_over_rest(world, as_):
    here, second = as_("vera"), as_("vera")
    listed = here.get("/api/v1/account/sessions").json()
    assert sorted(each["here"] for each in listed) == [False, True]
    other = next(each["id"] for each in listed if not each["here"])
    assert rest(here, "delete", f"/account/sessions/{other}").status_code == 204
    assert second.get("/account/").status_code == 302
    assert rest(here, "delete", f"/account/sessions/{other}").status_code == 404
    third = as_("vera")
    assert rest(here, "put", "/account/password", old="wrong one here", new=OTHER).status_code == 422
    assert rest(here, "put", "/account/password", old=PASSWORD, new=OTHER).status_code == 204
    assert third.get("/account/").status_code == 302
    assert here.get("/account/").status_code == 200
    person = world.people["chloe"]
    _, secret = create_token("x", owner=person, by=person, scopes=["score"])
    token = Client(headers={"Authorization": f"Bearer {secret}"})
    for method, path in (("get", "sessions"), ("delete", "sessions"), ("put", "password")):
        assert rest(token, method, f"/account/{path}", old=PASSWORD, new=OTHER).status_code == 403


def test_use_is_noted_in_steps_and_costs_nothing_in_between(world, as_, django_assert_num_queries):
    vera = as_("vera")
    row = Session.objects.get(person=world.people["vera"])
    Session.objects.update(seen_at=timezone.now() - timedelta(hours=1))
    vera.get("/account/")
    seen = Session.objects.get(pk=row.pk)
    assert timezone.now() - seen.seen_at < timedelta(minutes=1)
    assert seen.began_at == row.began_at
    vera.get("/account/")
    assert Session.objects.get(pk=row.pk).seen_at == seen.seen_at


def test_five_thousand_people_are_paged_and_searched(world, as_, django_assert_max_num_queries):
    Person.objects.bulk_create(
        Person(username=f"worker{n:04}", email=f"w{n}@example.org") for n in range(5000)
    )
    admin = as_("admin")
    with django_assert_max_num_queries(20):
        page = admin.get("/people/").content.decode()
    assert page.count('href="/people/worker') == 50 - 9, "the world's nine come first"
    assert "5\u202f009 accounts" in page
    with django_assert_max_num_queries(20):
        first = admin.get("/api/v1/people", {"search": "WORKER49"}).json()
    assert (len(first["results"]), first["previous"]) == (50, None)
    second = admin.get(first["next"]).json()
    assert [each["name"] for each in second["results"]][-1] == "worker4999"
    assert second["next"] is None
    found = admin.get("/people/?search=w4321@").content.decode()
    assert ("worker4321" in found, "1 account<" in found) == (True, True)
    after = admin.get("/people/?search=worker&cursor=aworker0049").content.decode()
    assert "worker0050" in after
    assert "search=worker" in after, "the search goes along with the page"
