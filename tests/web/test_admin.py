"""The admin: auditors read everything, nobody changes anything, and there is one door to log in."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import reverse

from registry.models import Role
from tests import makers

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(client):
    client.force_login(makers.person("dara", Role.AUDITOR))
    return client


def lists() -> list[str]:
    return [
        reverse(f"admin:{m._meta.app_label}_{m._meta.model_name}_changelist") for m in admin.site._registry
    ]


def test_an_auditor_reads_every_list_and_one_row_of_the_log(auditor):
    makers.release()
    for address in lists():
        assert auditor.get(address).status_code == 200, address
    assert auditor.get(reverse("admin:registry_event_change", args=[1])).status_code == 200


def test_lists_are_called_by_words_that_there_are(auditor):
    page = auditor.get("/admin/").content.decode()
    for words in (">People<", ">API tokens<", ">Feedback batches<", ">Grounds<", "Everything that is kept"):
        assert words in page, words
    for of in admin.site._registry:
        assert not of._meta.verbose_name_plural.endswith(("chs", "rys", "sss")), of
        assert "user" not in str(of._meta.verbose_name_plural)


@pytest.mark.parametrize("name", ["event", "modelversion", "person", "apitoken"])
def test_nothing_is_added_changed_or_deleted(auditor, name):
    release = makers.release()
    pk = {
        "event": 1,
        "modelversion": release.version_id,
        "person": release.opened_by_id,
        "apitoken": 1,
    }[name]
    base = f"admin:registry_{name}"
    assert auditor.post(reverse(f"{base}_add")).status_code == 403
    assert auditor.post(reverse(f"{base}_delete", args=[pk])).status_code in {302, 403}
    assert auditor.post(reverse(f"{base}_change", args=[pk]), {"username": "x"}).status_code in {302, 403}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CONTRIBUTOR, Role.RELEASE_MANAGER, Role.APPROVER])
def test_other_roles_stay_outside(client, role):
    client.force_login(makers.person("", role))
    for address in [reverse("admin:index"), *lists()]:
        assert client.get(address).status_code == 302, address


def test_there_is_no_second_log_in(client):
    answer = client.get("/admin/login/?next=/admin/")
    assert answer.status_code == 302
    assert answer.url.startswith("/login")
    assert client.post("/admin/login/", {"username": "a", "password": "b"}).url.startswith("/login")


def test_secrets_are_not_shown(auditor):
    assert "secret_sha256" not in auditor.get(reverse("admin:registry_apitoken_changelist")).content.decode()
    person = makers.person("ana")
    page = auditor.get(reverse("admin:registry_person_change", args=[person.pk])).content.decode()
    assert person.password not in page
