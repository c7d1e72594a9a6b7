"""How long ago somebody typed their password, and asking for it again."""

from __future__ import annotations

import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from registry.session_store import DEVICE
from registry.web import devices, drafts

AUTHENTICATED_AT = "authenticated_at"


def mark(request: HttpRequest) -> None:
    """The person has just typed their password, here."""
    request.session[AUTHENTICATED_AT] = time.time()
    request.session[DEVICE] = devices.in_words(request)


def is_fresh(request: HttpRequest) -> bool:
    """Whether approving and releasing may go on without typing the password again."""
    typed_at = request.session.get(AUTHENTICATED_AT, 0.0)
    return bool(time.time() - typed_at <= settings.REAUTHENTICATE_AFTER_S)


def ask_again(request: HttpRequest, written: drafts.Written) -> HttpResponse:
    """Keep what was written and ask for the password first."""
    drafts.keep(request, written)
    target = f"{reverse('reauthenticate')}?next={written.place}"
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204, headers={"HX-Redirect": target})
    return redirect(target)
