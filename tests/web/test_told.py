"""What people choose to be told, on the page and over REST, and what the health page says of mail."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from registry.models import Event, Mail, Notice
from registry.services import people
from registry.smtp import Server
from releases.services import telling
from tests import makers
from tests.makers import Role
from tests.web import reading
from tests.web.test_accounts import rest


def test_the_account_page_takes_a_choice_and_shows_it(world, as_, settings):
    chloe = as_("chloe")
    page = chloe.get("/account/").content.decode()
    assert "until an administrator names a mail server" in page
    assert page.count("checked") == 3
    settings.SMTP = Server("mail.example.org", 25)
    assert "no mail address" in chloe.get("/account/").content.decode()
    world.people["chloe"].email = "chloe@example.org"
    world.people["chloe"].save()
    assert "To chloe@example.org, at most one mail a minute" in chloe.get("/account/").content.decode()

    done = chloe.post("/account/mail", {"ended": "on", "person": "edda"})
    assert done["Location"] == "/account/#told"
    assert chloe.get("/account/").content.decode().count("checked") == 1
    event = Event.objects.get(kind="wishes.chosen")
    assert (event.subject, event.facts["waits"], event.facts["ended"]) == ("person/chloe", False, True)
    assert "Chose to be mailed what ended" in as_("dara").get("/audit/?kind=wishes.chosen").content.decode()


def test_rest_takes_a_whole_choice_of_a_session(world, as_):
    chloe = as_("chloe")
    assert chloe.get("/api/v1/account/mail").json() == {"waits": True, "ended": True, "returned": True}
    asked = {"waits": True, "ended": False, "returned": False}
    assert rest(chloe, "put", "/account/mail", **asked).json() == asked
    assert chloe.get("/api/v1/account/mail").json() == asked
    assert rest(chloe, "put", "/account/mail", waits=True).status_code == 422


def test_the_health_page_and_the_metrics_say_when_mail_fails(world, as_, settings):
    chloe, now = as_("chloe"), timezone.now()
    assert "Mail" not in chloe.get("/health/").content.decode()
    settings.SMTP = Server("mail.example.org", 25, "smtps", "assay", "secret word")
    page = chloe.get("/health/").content.decode()
    assert "By mail.example.org; 0 wait to be sent." in page
    assert "secret word" not in page
    mail = Mail.objects.create(
        person=world.people["chloe"],
        message_id="<1@x>",
        made_at=now,
        not_before=now + timedelta(minutes=4),
        tries=3,
        trouble="TimeoutError: timed out",
    )
    page = chloe.get("/health/").content.decode()
    assert "1 wait to be tried again, 0 were given up since yesterday. TimeoutError: timed out" in page
    assert 'assay_mails{state="failing"} 1' in chloe.get("/metrics").content.decode()
    Mail.objects.filter(pk=mail.pk).update(not_before=now - timedelta(minutes=11))
    assert "does the mail worker run?" in chloe.get("/health/").content.decode()
    Mail.objects.filter(pk=mail.pk).update(closed_at=now)
    assert "1 were given up since yesterday" in chloe.get("/health/").content.decode()
    assert chloe.get("/readyz").status_code == 200


def tell(world, person: str) -> Event:
    """Something that waits for a person in the world's model, and that they are told of."""
    for event in Event.objects.order_by("-seq"):
        told = Notice.objects.filter(event=event, person=world.people[person])
        if telling.concerns(event) and telling.tell(event) and told.exists():
            return event
    raise AssertionError(f"nothing to tell {person}")


def test_an_open_page_learns_how_much_waits_and_how_much_is_new(world, as_):
    chloe = as_("chloe")
    before = chloe.get("/news")
    assert before.json() == {"waiting": before.json()["waiting"], "mark": 0, "news": 0}
    assert before["Cache-Control"] == "private, no-cache"
    again = chloe.get("/news", headers={"If-None-Match": before["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    event = tell(world, "chloe")
    told = chloe.get("/news?since=0", headers={"If-None-Match": before["ETag"]}).json()
    mine = Notice.objects.filter(person=world.people["chloe"])
    assert told["mark"] == mine.latest("pk").pk
    assert told["news"] == mine.values("event__subject").distinct().count() > 0
    assert chloe.get(f"/news?since={told['mark']}").json()["news"] == 0
    for nonsense in ("x", "-1", "9" * 40, "%00", "\u0663"):
        assert chloe.get(f"/news?since={nonsense}").status_code in (200, 400)
    page = chloe.get("/releases/").content.decode()
    assert "What you were told" in page
    assert f'data-news-mark="{told["mark"]}"' in page
    assert event.subject.partition("/")[2] in page


def test_what_somebody_may_not_see_any_more_is_neither_counted_nor_listed(world, as_):
    vera, letters = makers.person("valentin"), makers.model("secrets")
    people.grant(vera, Role.PRIVACY, model=letters)
    makers.release(makers.version(letters))
    telling.tell(Event.objects.filter(kind="release.in_review").latest("seq"))
    client = as_("valentin")
    assert client.get("/news?since=0").json()["news"] == 1
    assert "secrets" in client.get("/releases/").content.decode()
    people.revoke(vera, Role.PRIVACY, model=letters, by=world.people["admin"], why="he left the team of it")
    assert client.get("/news?since=0").json()["news"] == 0
    assert "secrets" not in client.get("/releases/").content.decode()


def test_asking_for_news_is_cheap_and_so_is_the_list(world, as_, django_assert_max_num_queries):
    chloe = as_("chloe")
    tell(world, "chloe")
    chloe.get("/news?since=0")
    with django_assert_max_num_queries(8):
        chloe.get("/news?since=0")
    with django_assert_max_num_queries(3):
        telling.subjects_of([event for event in Event.objects.all() if telling.concerns(event)])


def test_the_title_has_the_number_of_what_waits(world, as_):
    page = reading.html(as_("edda").get("/"))
    count = page.partition("data-waiting>")[2].partition("<")[0]
    assert count
    assert f"<title>({count}) " in page
    quiet = reading.html(as_("vera").get("/"))
    assert "<title>(" not in quiet
    assert 'id="waiting" hidden' in quiet


def test_who_is_not_logged_in_is_told_nothing(client, world):
    assert client.get("/news", headers={"HX-Request": "true"}).status_code == 401
