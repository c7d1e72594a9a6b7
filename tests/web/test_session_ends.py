"""A session that ends while somebody writes takes nothing with it: here by plain forms, without a script."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from demo.browser import read_forms
from tests.makers import PASSWORD
from tests.web.conftest import HTMX

WHY = "The drift on Sunday was ours, and the figures since bear it out."
HERE = {"HTTP_ORIGIN": "http://testserver"}


def log_in(client: Client, page: str, password: str = PASSWORD, name: str = "edda"):
    """Fill in the log-in form that is on a page."""
    form = next(form for form in read_forms(page) if form.action == "/login")
    return client.post(form.action, form.fields | {"username": name, "password": password})


def review(world) -> tuple[str, str]:
    return f"/releases/{world.review.pk}/", f"/releases/{world.review.pk}/reviews"


SIGNED = {"slot": "approval", "verdict": "approve", "grounds": WHY}
PROPOSED = {"slots": ["privacy"], "mode": "auto", "cache_mb": "7", "log_share": "0", "grounds": WHY}
TOKEN = {"name": "nightly pipeline", "scopes": ["score"], "days": "7"}


@pytest.mark.parametrize("tries", [[PASSWORD], ["guess", "again", PASSWORD]], ids=["at once", "at last"])
@pytest.mark.parametrize(
    ("name", "posted", "form", "place", "told"),
    [
        ("edda", "/releases/{}/reviews", SIGNED, "/releases/{}/", WHY),
        ("chloe", "/releases/{}/actions/withdraw", {"grounds": WHY}, "/releases/{}/", WHY),
        ("admin", "/models/digits/policy/proposals", PROPOSED, "/models/digits/policy/", WHY),
        ("chloe", "/tokens/", TOKEN, "/tokens/", "nightly pipeline"),
    ],
)
def test_who_logs_in_again_finds_their_words_on_the_page(world, tries, name, posted, form, place, told):
    client, pk = Client(), world.review.pk
    answer = client.post(posted.format(pk), form)
    assert answer.status_code == 401
    for password in tries:
        answer = log_in(client, answer.content.decode(), password, name)
    assert (answer.status_code, answer["Location"]) == (302, place.format(pk))
    assert told in client.get(place.format(pk)).content.decode()
    assert told not in client.get(place.format(pk)).content.decode(), "handed out once"


def test_nothing_is_done_by_logging_in_again(world):
    client, (page, posted) = Client(), review(world)
    before = world.review.reviews.count()
    log_in(client, client.post(posted, SIGNED).content.decode())
    client.get(page)
    assert world.review.reviews.count() == before


def test_a_button_without_words_leads_back_to_its_page(world):
    answer = Client().post("/models/digits/versions/3/releases")
    assert answer["Location"] == "/login?next=/models/digits/versions/3/"
    answer = Client().post(f"/releases/{world.review.pk}/retry")
    assert answer["Location"] == f"/login?next=/releases/{world.review.pk}/"


@pytest.mark.parametrize("packed", [
    "no json", "[]", "{}", '{"place": 1, "words": {}}', '{"place": "/tokens/", "words": []}', "[" * 90_000,
    json.dumps({"place": "https://evil.example/", "words": {}}),
    json.dumps({"place": "//evil.example", "words": {}}),
    json.dumps({"place": "/tokens/", "words": {"form": "x" * 200_000}}),
])  # fmt: skip
def test_what_no_page_of_ours_has_packed_is_not_carried(world, packed):
    client = Client()
    form = {"username": "edda", "password": PASSWORD, "written": packed, "next": "/releases/"}
    assert client.post("/login", form)["Location"] == "/releases/"
    assert "draft" not in client.session


def test_a_part_of_a_page_is_told_that_nobody_is_logged_in(world):
    page, posted = review(world)
    for answer in (Client(headers=HTMX).get(f"{page}panel"), Client(headers=HTMX).post(posted, SIGNED)):
        assert (answer.status_code, answer.content) == (401, b"")


def test_the_dialog_logs_in_and_says_with_which_token_to_go_on(world):
    client = Client(headers=HTMX, enforce_csrf_checks=True)
    client.get("/login")
    sent = {"username": "edda", "csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    wrong = client.post("/login", sent | {"password": "guess"})
    assert wrong.status_code == 422
    assert "do not go together" in wrong.content.decode()
    assert "<html" not in wrong.content.decode()
    answer = client.post("/login", sent | {"password": PASSWORD})
    known = json.loads(answer["HX-Trigger"])["assay:known"]
    assert (answer.status_code, known["person"]) == (204, "edda")
    _, posted = review(world)
    assert client.post(posted, SIGNED, headers={"X-CSRFToken": known["token"]}).status_code == 200
    again = client.post("/login", sent | {"csrfmiddlewaretoken": known["token"]})
    assert again.status_code == 204, "logged in meanwhile, in another tab"


def test_a_page_with_an_old_token_gets_a_new_one_and_keeps_its_words(world):
    client = Client(headers=HTMX, enforce_csrf_checks=True)
    client.force_login(world.people["edda"])
    page, posted = review(world)
    answer = client.post(posted, SIGNED)
    assert answer.status_code == 403
    token = json.loads(answer["HX-Trigger"])["assay:renewed"]["token"]
    client.cookies["csrftoken"] = answer.cookies["csrftoken"].value
    assert client.post(page, {}, headers={"X-CSRFToken": token}).status_code == 405
    assert client.post("/theme", {}, headers={"X-CSRFToken": token}).status_code == 302


def test_a_form_of_a_page_that_was_open_too_long_is_filled_in_again(world):
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["edda"])
    page, posted = review(world)
    before = world.review.reviews.count()
    answer = client.post(posted, SIGNED, **HERE)
    assert (answer.status_code, answer["Location"]) == (302, page)
    html = client.get(page).content.decode()
    assert WHY in html
    assert "nothing was changed" in html
    assert world.review.reviews.count() == before


@pytest.mark.parametrize("origin", [{}, {"HTTP_ORIGIN": "https://evil.example"}, {"HTTP_ORIGIN": "null"}])
def test_words_that_another_site_sends_are_not_kept(world, origin):
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["edda"])
    page, posted = review(world)
    assert client.post(posted, SIGNED, **origin).status_code == 403
    assert WHY not in client.get(page).content.decode()


def test_a_log_in_form_that_was_open_too_long_still_carries_the_words(world):
    client = Client(enforce_csrf_checks=True)
    page, posted = review(world)
    answer = client.post(posted, SIGNED, **HERE)
    assert answer.status_code == 401
    form = next(form for form in read_forms(answer.content.decode()) if form.action == "/login")
    stale = form.fields | {"username": "edda", "password": PASSWORD, "csrfmiddlewaretoken": "a" * 64}
    answer = client.post("/login", stale, **HERE)
    assert answer.status_code == 401
    form = next(form for form in read_forms(answer.content.decode()) if form.action == "/login")
    answer = client.post("/login", form.fields | {"username": "edda", "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, page)
    assert WHY in client.get(page).content.decode()
