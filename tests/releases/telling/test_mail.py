"""What a mail says, when it goes, and to whom it still goes then: against a real server of mail."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from registry import notices
from registry.models import Event, Mail, Notice, Person, Role
from registry.services import accounts, people, wishes
from releases.lifecycle import Action, State
from releases.services import mailing, reviews, telling
from releases.services.transitions import advance
from tests import mail, makers
from tests.releases.telling.notices import sent, told

pytestmark = pytest.mark.django_db
WHY = "the mail was not wanted any more"


def test_a_mail_says_what_to_do_where_why_and_how_to_stop_it(letters, ada, pia, box):
    release = makers.release(makers.version(letters, ada))
    assert sent() == 1
    (taken,) = box.taken
    assert taken["Subject"] == "Sign the privacy review: letters version 1 to production"
    assert taken["To"].addresses[0].addr_spec == "pia@example.org"
    assert taken["From"].addresses[0].addr_spec == "assay@assay.example.org"
    assert taken["Auto-Submitted"] == "auto-generated"
    text = taken.get_content()
    assert f"https://assay.example.org/releases/{release.pk}/" in text
    assert "because of your roles" in text
    assert "https://assay.example.org/account/#told" in text
    event = Event.objects.get(kind="release.in_review")
    assert event.digest[:32] in taken["Message-ID"]
    assert sent(timedelta(hours=1)) == 0, "the same thing is not told twice"


def test_many_at_once_are_one_mail_and_the_next_one_is_a_minute_later(letters, ada, pia, box):
    for _ in range(3):
        makers.release(makers.version(letters, ada))
    assert sent(timedelta(seconds=1)) == 0, "what follows within seconds is waited for"
    assert sent(timedelta(seconds=20)) == 1
    assert box.taken[0]["Subject"] == "3 wait for you"
    assert box.taken[0].get_content().count("https://assay.example.org/releases/") == 3
    makers.release(makers.version(letters, ada))
    assert sent(timedelta(seconds=50)) == 0
    assert sent(timedelta(seconds=81)) == 1
    assert len(box.taken) == 2


def test_what_was_done_meanwhile_is_not_told(letters, ada, pia, box):
    release = makers.release(makers.version(letters, ada))
    told()
    reviews.give_review(release, slot="privacy", verdict="reject", grounds=WHY, by=pia)
    assert sent() == 1
    assert [taken["X-Envelope-To"] for taken in box.taken] == ["ada@example.org"]
    assert not Mail.objects.filter(closed_at=None).exists()


@pytest.mark.parametrize("what", ["right", "account", "address", "wish"])
def test_rights_accounts_and_wishes_are_asked_when_it_is_sent(letters, ada, pia, box, what):
    makers.release(makers.version(letters, ada))
    told()
    if what == "right":
        people.revoke(pia, Role.PRIVACY, by=makers.person("dara", Role.ADMIN), why=WHY)
    elif what == "account":
        accounts.deactivate(pia, by=makers.person("dara", Role.ADMIN), why=WHY)
    elif what == "address":
        Person.objects.filter(pk=pia.pk).update(email="")
    else:
        wishes.choose(pia, waits=False, ended=True, returned=True)
    assert sent() == 0
    assert box.taken == []


@pytest.mark.parametrize("what", ["right", "account"])
def test_what_ended_is_not_mailed_to_who_may_not_see_it_now_or_cannot_log_in(letters, ada, pia, box, what):
    release = makers.release(makers.version(letters, ada))
    told()
    reviews.give_review(release, slot="privacy", verdict="reject", grounds=WHY, by=pia)
    assert ("ada", "ended") in told()
    if what == "right":
        people.revoke(ada, Role.CONTRIBUTOR, by=makers.person("dara", Role.ADMIN), why=WHY)
    else:
        Person.objects.filter(pk=ada.pk).update(is_active=False)
    assert sent() == 0
    assert box.taken == []


def test_each_wish_counts_for_its_own_kind(letters, ada, manager, box):
    olga = letters.created_by
    release = makers.release(makers.version(letters, olga), State.LIVE)
    advance(release, Action.ROLL_BACK, actor=manager.actor, restores=3)
    wishes.choose(olga, waits=False, ended=False, returned=True)
    told()
    assert sent() == 1
    assert "These are models that you registered" in box.taken[0].get_content()
    assert "Rolled back, version 3 answers again: letters version 1" in box.taken[0]["Subject"]
    Mail.objects.all().delete()
    wishes.choose(olga, waits=False, ended=True, returned=True)
    assert telling.tell(Event.objects.get(kind="release.rolled_back")) == 1
    assert sent(timedelta(minutes=5)) == 1
    assert box.taken[1].get_content().count("Rolled back") == 1, "an event is told once, whatever the reasons"


HOSTILE = "x\r\nBcc: eve@example.org\r\n\r\n<b>pay</b>\u202e\u2028\x00\u200b" + "y" * 5000


def test_no_name_and_no_words_of_strangers_reach_a_header_or_add_a_line(letters, ada, pia, box):
    release = makers.release(makers.version(letters, ada))
    makers.RegisteredModel.objects.filter(pk=letters.pk).update(title=HOSTILE.replace("\x00", "")[:200])
    Person.objects.filter(pk=pia.pk).update(first_name=HOSTILE.replace("\x00", "")[:100])
    assert sent() == 1
    (taken,) = box.taken
    assert taken["X-Envelope-To"] == "pia@example.org"
    assert taken["Bcc"] is None
    assert len(taken["Subject"]) <= 140
    assert "\u202e" not in taken["Subject"] + str(taken["To"])
    text = taken.get_content()
    assert not [line for line in text.splitlines() if line.startswith(("Bcc", "<b>"))]
    assert f"/releases/{release.pk}/" in text


@pytest.mark.parametrize(
    "address",
    ["a@b\r\nBcc: eve@example.org", "a@b,eve@example.org", "no address", "@", "a@[", "<a@b>", "a b@c"],
)
def test_an_address_that_is_none_takes_no_mail_along(letters, ada, pia, box, address):
    makers.release(makers.version(letters, ada))
    Person.objects.filter(pk=pia.pk).update(email=address)
    assert sent() == 0
    assert box.taken == []
    assert "no mail address" in Mail.objects.get().trouble


def test_grounds_are_in_no_mail(letters, ada, pia, box):
    release = makers.release(makers.version(letters, ada))
    reviews.give_review(
        release, slot="privacy", verdict="reject", grounds="it shows the names of patients", by=pia
    )
    assert sent() == 1
    assert box.taken[0]["Subject"] == "Rejected: letters version 1 to production"
    assert "patients" not in box.taken[0].as_string()


# --- servers that do not do as they should --------------------------------------------------------


def test_a_server_that_is_away_is_tried_again_later_and_later_and_then_given_up(letters, ada, pia, settings):
    settings.SMTP = mail.smtp.Server("127.0.0.1", mail.free_port())
    makers.release(makers.version(letters, ada))
    told()
    now, pauses = timezone.now() + timedelta(minutes=1), []
    while Mail.objects.filter(closed_at=None).exists() or not pauses:
        assert mailing.send_due(now) == 0
        row = Mail.objects.get()
        assert row.tries == len(pauses) + 1
        pauses.append(row.not_before - now)
        now = row.not_before + timedelta(seconds=1)
    assert len(pauses) == mailing.MOST_TRIES
    assert pauses[:3] == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert max(pauses) == timedelta(hours=2)
    assert (row.sent, row.trouble[:17]) == (False, "ConnectionRefused")
    assert notices.post(now).given_up == 1


def test_a_server_that_comes_back_gets_what_waited_under_the_same_name(letters, ada, pia, settings):
    with mail.taking() as (box, server):
        box.refuses["pia@example.org"] = "451 greylisted"
        settings.SMTP = server
        makers.release(makers.version(letters, ada))
        assert sent() == 0
        row = Mail.objects.get()
        assert notices.post().failing == 1
        box.refuses.clear()
        assert mailing.send_due(row.not_before) == 1
        assert box.taken[0]["Message-ID"] == row.message_id
        assert notices.post().failing == 0


def test_an_address_that_a_server_refuses_for_good_is_not_tried_again_and_delays_nobody(
    letters, ada, pia, settings
):
    makers.person("paul", Role.PRIVACY, email="paul@example.org")
    with mail.taking() as (box, server):
        box.refuses["pia@example.org"] = "550 no such mailbox"
        settings.SMTP = server
        makers.release(makers.version(letters, ada))
        assert sent() == 1
        assert sent(timedelta(days=2)) == 0
    assert Mail.objects.get(person=pia).trouble == "The server refused it with 550."


def test_whoever_dies_between_the_servers_word_and_ours_repeats_the_same_message(
    letters, ada, pia, box, monkeypatch
):
    class Killed(BaseException):
        pass

    def killed(name: str) -> None:
        raise Killed

    makers.release(makers.version(letters, ada))
    told()
    now = timezone.now() + timedelta(minutes=1)
    with monkeypatch.context() as patched:
        patched.setattr(mailing, "crashpoint", killed)
        with pytest.raises(Killed):
            mailing.send_due(now)
    assert mailing.send_due(now) == 0, "it is held, by whoever may still be at it"
    assert mailing.send_due(now + mailing.HELD_FOR) == 1
    first, second = box.taken
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_content() == second.get_content()


def test_two_workers_do_not_send_the_same_mail(letters, ada, pia, box):
    makers.release(makers.version(letters, ada))
    told()
    now = timezone.now() + timedelta(minutes=1)
    mailing._gather(pia, now)
    assert mailing._take(now) is not None
    assert mailing._take(now) is None


def test_without_a_server_nothing_is_made_for_it_and_later_nothing_old_is_sent(letters, ada, pia, settings):
    makers.release(makers.version(letters, ada))
    assert sent() == 0
    assert Notice.objects.filter(due=True).count() == 0
    assert notices.news(pia, 0) == 1, "pages tell it all the same"


def test_what_is_a_day_old_is_not_mailed_any_more(letters, ada, pia, box):
    makers.release(makers.version(letters, ada))
    assert sent(timedelta(days=1, minutes=1)) == 0
    assert box.taken == []


def test_notices_and_mails_do_not_stay_for_ever(letters, ada, pia, box):
    makers.release(makers.version(letters, ada))
    assert sent() == 1
    mailing.forget_old(timezone.now() + timedelta(days=89))
    assert (Notice.objects.count(), Mail.objects.count()) == (1, 1)
    mailing.forget_old(timezone.now() + timedelta(days=91))
    assert (Notice.objects.count(), Mail.objects.count()) == (0, 0)


def test_a_mail_that_nobody_tries_is_noticed(letters, ada, pia, box):
    makers.release(makers.version(letters, ada))
    told()
    assert notices.post().late == 0
    assert notices.post(timezone.now() + timedelta(minutes=11)).late == 1
    mailing._gather(pia, timezone.now())
    assert notices.post(timezone.now() + timedelta(minutes=11)).late == 1
