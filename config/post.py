"""What mail needs to know of this installation: the server, the sender, and the address of the pages."""

from __future__ import annotations

from email.errors import MessageError
from email.headerregistry import Address
from urllib.parse import urlsplit

from config import env
from registry import smtp


def server(given: str) -> smtp.Server | None:
    """The SMTP server, None where nothing is mailed."""
    try:
        return smtp.parse(given)
    except ValueError as trouble:
        raise env.BadEnvironment(f"ASSAY_SMTP_URL cannot be read: {trouble}") from None


def address(given: str) -> str:
    """Where people reach the pages, without a slash at its end."""
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise env.BadEnvironment(
            f"ASSAY_PUBLIC_URL={given!r}: write an address such as https://assay.example.org"
        )
    return given.rstrip("/")


def sender(given: str, pages: str) -> str:
    """The address that mails come from; by default one at the host of the pages."""
    wanted = given or f"assay@{urlsplit(pages).hostname}"
    try:
        return Address(addr_spec=wanted).addr_spec
    except (ValueError, IndexError, MessageError):
        raise env.BadEnvironment(
            f"ASSAY_MAIL_FROM={wanted!r}: write an address such as assay@example.org"
        ) from None
