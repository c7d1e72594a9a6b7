"""The way out for mail, against servers on real sockets."""

from __future__ import annotations

from dataclasses import replace
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from config import env, post
from registry import smtp
from tests import mail


def message(to: str = "ada@example.org", text: str = "Something waits.") -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["From"] = Address("Assay", addr_spec="assay@example.org")
    made["To"] = Address("", addr_spec=to)
    made["Subject"] = "Sign the review"
    made.set_content(text)
    return made


def test_a_message_arrives_as_it_was_written():
    with mail.taking() as (box, server):
        smtp.deliver(server, message(text="Schön.\n.\nA line with a dot alone above.\n"))
    (taken,) = box.taken
    assert taken["Subject"] == "Sign the review"
    assert taken.get_content().replace("\r\n", "\n") == "Schön.\n.\nA line with a dot alone above.\n"


def test_a_password_goes_over_an_encrypted_way_alone(tmp_path, monkeypatch):
    context, trusted = mail.certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    judge = mail.password_of(b"assay", b"p@ss word")
    with mail.taking(tls_context=context, authenticator=judge, auth_required=True) as (box, server):
        known = replace(server, scheme="smtp+starttls", user="assay", password="p@ss word")
        smtp.deliver(known, message())
        assert box.encrypted == [True]
        with pytest.raises(smtp.Unreachable, match="535"):
            smtp.deliver(replace(known, password="wrong"), message())
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(smtp.Unreachable, match="certificate"):
            smtp.deliver(known, message())
    with mail.taking() as (box, server), pytest.raises(smtp.Refused, match="cannot do"):
        smtp.deliver(replace(server, scheme="smtp+starttls", user="assay", password="x"), message())
    assert box.taken == []


def test_a_server_that_is_encrypted_from_the_first_byte(tmp_path, monkeypatch):
    context, trusted = mail.certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with mail.taking(ssl_context=context) as (box, server):
        smtp.deliver(replace(server, scheme="smtps"), message())
    assert len(box.taken) == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("550 no such mailbox ada@example.org", smtp.Refused),
        ("450 later, says ada@example.org", smtp.Unreachable),
    ],
)
def test_a_refused_address_is_final_or_not_as_the_server_says(line, expected):
    with mail.taking() as (box, server):
        box.refuses["ada@example.org"] = line
        with pytest.raises(expected, match=line[:3]) as trouble:
            smtp.deliver(server, message())
    assert "ada" not in str(trouble.value), "what a server says may name mailboxes"


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (b"220 hello\r\n",),
        (b"220 hello\r\n", b"250 fine\r\n", b"250 fine\r\n"),
        (b"554 go away\r\n",),
        (b"220 hello\r\n", b"421 too many\r\n", b"421 too many\r\n"),
        (b"\x00" * 9000 + b"\r\n",),
        (b"not a greeting\r\n",),
    ],
)
def test_a_server_that_hangs_or_talks_nonsense_is_unreachable(lines):
    with mail.saying(*lines) as server, pytest.raises(smtp.Unreachable):
        smtp.deliver(server, message())


def test_a_server_that_is_never_silent_and_never_done_is_cut_off():
    with mail.dripping() as server, pytest.raises(smtp.Unreachable):
        smtp.deliver(server, message())


def test_a_server_that_is_not_there_is_unreachable():
    with pytest.raises(smtp.Unreachable, match="ConnectionRefused"):
        smtp.deliver(smtp.Server("127.0.0.1", mail.free_port()), message())


def test_what_was_taken_is_taken_whatever_becomes_of_the_good_bye():
    until_there = [b"220 hi\r\n", b"250 a\r\n", b"250 b\r\n", b"250 c\r\n", b"354 go on\r\n"]
    with mail.saying(*until_there, b"250 taken\r\n") as server:
        smtp.deliver(server, message())
    with mail.saying(*until_there) as server, pytest.raises(smtp.Unreachable):
        smtp.deliver(server, message())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail", smtp.Server("mail", 25)),
        ("smtp://mail:2525/", smtp.Server("mail", 2525)),
        ("smtps://a:b@mail", smtp.Server("mail", 465, "smtps", "a", "b")),
        ("smtp+starttls://a%40b:c%3Ad@mail", smtp.Server("mail", 587, "smtp+starttls", "a@b", "c:d")),
    ],
)
def test_an_address_says_where_and_how(url, expected):
    assert smtp.parse(url) == expected


@pytest.mark.parametrize(
    "url", ["mail:25", "http://mail", "smtp://", "smtp://a:secret@mail", "smtps://mail:port", "smtp://m/x"]
)
def test_an_address_that_cannot_be_read_stops_the_process_with_a_sentence(url):
    with pytest.raises(env.BadEnvironment, match="ASSAY_SMTP_URL cannot be read") as trouble:
        post.server(url)
    assert "secret" not in str(trouble.value)


def test_the_password_is_in_no_word_about_the_server():
    assert "hidden" not in repr(smtp.parse("smtps://a:hidden@mail"))


def test_the_sender_and_the_address_of_the_pages_are_read_strictly():
    assert post.address("https://assay.example.org/") == "https://assay.example.org"
    assert post.sender("", "https://assay.example.org") == "assay@assay.example.org"
    for given in ("assay.example.org", "ftp://x", "https://"):
        with pytest.raises(env.BadEnvironment, match="ASSAY_PUBLIC_URL"):
            post.address(given)
    with pytest.raises(env.BadEnvironment, match="ASSAY_MAIL_FROM"):
        post.sender("a@b\r\nBcc: c@d", "https://x")
