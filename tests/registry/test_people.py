"""Accounts and roles: by whom, with which grounds, and by a link that opens once."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.utils import timezone

from registry import selectors
from registry.errors import AlreadyExists, BadInput, Conflict, NotAllowed, NotFound
from registry.models import Event, Grounds, Invitation, Membership, Person, Role
from registry.services import invitations, people
from tests import makers

WHY = "She joins the team that reads forms."
PASSWORD = "correct horse battery"


@pytest.fixture
def admin(db):
    return makers.person("root", admin=True)


def test_a_role_is_granted_and_revoked_with_grounds_as_events(admin):
    vera = makers.person("vera")
    people.grant(vera, Role.APPROVER, by=admin, why=WHY)
    people.grant(vera, Role.APPROVER, by=admin, why=WHY)
    people.revoke(vera, Role.APPROVER, by=admin, why="She has left the team since.")
    people.revoke(vera, Role.APPROVER, by=admin, why="She has left the team since.")
    granted, revoked = Event.objects.filter(subject="person/vera", kind__startswith="role.").order_by("seq")
    assert (granted.kind, granted.actor, granted.facts["role"]) == ("role.granted", "person/root", "approver")
    assert Grounds.objects.get(digest=granted.facts["grounds"]).text == WHY
    assert Grounds.objects.get(digest=revoked.facts["grounds"]).text.startswith("She has left")
    assert not vera.memberships.exists()


@pytest.mark.parametrize("why", ["", "because", "x" * 10_001])
def test_a_grant_says_on_what_grounds(admin, why):
    with pytest.raises(BadInput, match="grounds"):
        people.grant(makers.person("vera"), Role.VIEWER, by=admin, why=why)
    assert not Membership.objects.exists()


def test_an_admin_of_one_model_grants_on_that_one_alone(admin):
    own, other = makers.model("own"), makers.model("other")
    local, vera = makers.person("local"), makers.person("vera")
    people.grant(local, Role.ADMIN, model=own, by=admin, why=WHY)
    people.grant(vera, Role.VIEWER, model=own, by=local, why=WHY)
    for model in (other, None):
        with pytest.raises(NotAllowed):
            people.grant(vera, Role.ADMIN, model=model, by=local, why=WHY)
    with pytest.raises(NotAllowed):
        people.create_person("fresh", password=None, by=local)
    with pytest.raises(NotAllowed):
        invitations.invite(admin, by=local)


@pytest.mark.parametrize("name", ["a b", "", "x\u202ey", "../etc"])
def test_a_name_that_nobody_can_type_is_refused(admin, name):
    with pytest.raises(BadInput):
        people.create_person(name, password=None, by=admin)


def test_a_name_is_taken_once(admin):
    with pytest.raises(AlreadyExists):
        people.create_person("root", password=None, by=admin)


def test_the_first_link_makes_an_admin_and_opens_once(db):
    text = invitations.invite(None)
    assert not Invitation.objects.filter(secret_sha256__contains=text).exists()
    first = invitations.accept(text, username="ada", password=PASSWORD)
    assert first.is_superuser
    assert first.check_password(PASSWORD)
    made, created, accepted = Event.objects.order_by("seq")
    assert [made.kind, created.kind, accepted.kind] == [
        "invitation.made", "person.created", "invitation.accepted",
    ]  # fmt: skip
    assert accepted.facts == {"first": True}
    assert text not in made.payload
    with pytest.raises(NotFound):
        invitations.accept(text, username="eve", password=PASSWORD)
    with pytest.raises(Conflict):
        invitations.invite(None)


def test_a_first_link_is_void_once_somebody_has_an_account(db):
    text = invitations.invite(None)
    makers.person("ada")
    with pytest.raises(NotFound):
        invitations.accept(text, username="eve", password=PASSWORD)


def test_a_second_link_ends_the_first_and_a_week_ends_both(admin):
    vera = people.create_person("vera", password=None, by=admin)
    old, new = invitations.invite(vera, by=admin), invitations.invite(vera, by=admin)
    with pytest.raises(NotFound):
        invitations.accept(old, username="", password=PASSWORD)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        invitations.accept(new, username="", password=PASSWORD)
    assert not vera.has_usable_password()


def test_a_weak_password_keeps_the_link_open(admin):
    vera = people.create_person("vera", password=None, by=admin)
    text = invitations.invite(vera, by=admin)
    with pytest.raises(BadInput):
        invitations.accept(text, username="", password="short")
    invitations.accept(text, username="ignored", password=PASSWORD)
    assert selectors.person("vera").check_password(PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_follow_the_first_link_at_once_one_gets_the_account():
    text, start, refused = invitations.invite(None), Barrier(6), []

    def follow(name: str) -> None:
        try:
            start.wait()
            invitations.accept(text, username=name, password=PASSWORD)
        except NotFound:
            refused.append(name)
        finally:
            connection.close()

    threads = [Thread(target=follow, args=(f"person{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Person.objects.count() == 1
    assert len(refused) == 5
