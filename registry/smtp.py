"""The way out for mail: one message to one SMTP server, within a bounded time. Knows no Django."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from threading import Timer
from urllib.parse import unquote, urlsplit

SILENT_S = 10.0
"""A server that is there answers within a second; this waits out a busy one."""
ALTOGETHER_S = 30.0
"""For a server that says a byte now and then: a letter takes less, and the job is tried again."""
TEMPORARY, PERMANENT = 400, 500
"""Replies from these on (RFC 5321): 4xx is tried again, 5xx is not."""
SCHEMES = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
HINT = "write smtp://host:port, smtp+starttls://user:password@host:port or smtps://user:password@host:port"


class Unreachable(Exception):
    """The server could not be asked, or says to come back: the same message may go through later."""


class Refused(Exception):
    """The server will never take this message for this address."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail goes. With a password the way is encrypted, or there is no way."""

    host: str
    port: int
    scheme: str = "smtp"
    user: str = ""
    password: str = field(default="", repr=False)
    silent_s: float = SILENT_S
    altogether_s: float = ALTOGETHER_S


def parse(url: str) -> Server | None:
    """The server that an address means, None for an empty one. Raises ValueError, without the password."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or SCHEMES.get(parts.scheme, 0)
    except ValueError:
        raise ValueError(HINT) from None
    if not port or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(HINT)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if user and parts.scheme == "smtp":
        raise ValueError("a password goes over an encrypted way alone: write smtp+starttls:// or smtps://")
    return Server(parts.hostname, port, parts.scheme, user, password)


def deliver(server: Server, message: EmailMessage) -> None:
    """Hand one message over; when this returns, the server has it. Raises Unreachable or Refused.

    A silent server costs `silent_s`, one that says a little now and then `altogether_s`.
    """
    try:
        with _Line(server, str(message["From"].addresses[0].domain)) as client:
            client.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        _judge(*next(iter(error.recipients.values())))
    except smtplib.SMTPDataError as error:
        _judge(error.smtp_code, error.smtp_error)
    except smtplib.SMTPNotSupportedError as error:
        raise Refused(f"The server cannot do what this address needs: {error}") from None
    except smtplib.SMTPResponseException as error:  # of who we are or how we came: for every message alike
        raise Unreachable(f"The server answered {error.smtp_code}.") from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise Unreachable(f"{type(error).__name__}: {str(error)[:120]}") from None


def _judge(code: int, said: bytes | str) -> None:
    """What a server says of an address stays here: it may name mailboxes."""
    if code >= PERMANENT:
        raise Refused(f"The server refused it with {code}.")
    raise Unreachable(f"The server put it off with {code}.")


class _Line:
    """An open connection to the server, greeted, encrypted and logged in as its address says."""

    def __init__(self, server: Server, domain: str) -> None:
        self._server = server
        context = ssl.create_default_context()
        if server.scheme == "smtps":
            self._client: smtplib.SMTP = smtplib.SMTP_SSL(
                local_hostname=domain, timeout=server.silent_s, context=context
            )
        else:
            self._client = smtplib.SMTP(local_hostname=domain, timeout=server.silent_s)
        self._context = context
        self._watch = Timer(server.altogether_s, self._cut)
        self._watch.daemon = True

    def __enter__(self) -> smtplib.SMTP:
        self._watch.start()
        try:
            # Given to the constructor the host would be dialled before anybody watches the time.
            self._client._host = self._server.host  # type: ignore[attr-defined]  # noqa: SLF001
            self._client.connect(self._server.host, self._server.port)
            if self._server.scheme == "smtp+starttls":
                self._client.starttls(context=self._context)
            if self._server.user:
                self._client.login(self._server.user, self._server.password)
        except BaseException:
            self._end()
            raise
        return self._client

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        # What was taken is taken, whatever becomes of the good-bye.
        if kind is None:
            with suppress(smtplib.SMTPException, OSError):
                self._client.quit()
        self._end()

    def _end(self) -> None:
        self._watch.cancel()
        self._client.close()

    def _cut(self) -> None:
        if (line := self._client.sock) is not None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
