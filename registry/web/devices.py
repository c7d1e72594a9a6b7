"""Browsers on which somebody has logged in before, known by a signed cookie."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE = "__Host-device" if settings.HTTPS else "device"
SALT = "assay.device"
KNOWN_FOR_S = 180 * 24 * 3600
"""Half a year: who comes back after holidays is known, a browser that was sold is not for ever."""


def device(request: HttpRequest | None, username: str) -> str:
    """What tells this browser from others, where this person has logged in on it; else nothing."""
    try:
        said = signing.loads(
            request.COOKIES.get(COOKIE, "") if request else "", salt=SALT, max_age=KNOWN_FOR_S
        )
    except signing.BadSignature:
        return ""
    return str(said["device"]) if said.get("person") == username.lower() else ""


BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def in_words(request: HttpRequest) -> str:
    """The browser and the system as they call themselves, to know one's own by: Firefox on Linux."""
    said = request.headers.get("User-Agent", "")
    named = [next((name for sign, name in table if sign in said), "") for table in (BROWSERS, SYSTEMS)]
    return " on ".join(name for name in named if name) or "an unknown device"


def remember(request: HttpRequest, username: str) -> None:
    """The answer to this request makes the browser known."""
    request.known_as = username.lower()  # type: ignore[attr-defined]


class Devices:
    """Sets the cookie that `remember` asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if name := getattr(request, "known_as", ""):
            known = device(request, name) or secrets.token_hex(16)
            response.set_cookie(
                COOKIE,
                signing.dumps({"person": name, "device": known}, salt=SALT),
                max_age=KNOWN_FOR_S,
                httponly=True,
                samesite="Lax",
                secure=settings.HTTPS,
            )
        return response
