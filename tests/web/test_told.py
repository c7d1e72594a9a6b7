"""What people choose to be told, on the page and over REST, and what the health page says of mail."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from registry.models import Event, Mail
from registry.smtp import Server
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
