"""How long ago somebody typed their password, and what they were writing when it was too long ago."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

AUTHENTICATED_AT = "authenticated_at"
DRAFT = "draft"


def mark(request: HttpRequest) -> None:
    """The person has just typed their password."""
    request.session[AUTHENTICATED_AT] = time.time()


def is_fresh(request: HttpRequest) -> bool:
    """Whether approving and releasing may go on without typing the password again."""
    typed_at = request.session.get(AUTHENTICATED_AT, 0.0)
    return bool(time.time() - typed_at <= settings.REAUTHENTICATE_AFTER_S)


def keep_draft(request: HttpRequest, place: str, words: dict[str, str]) -> None:
    """Keep what was typed at `place` while the person types their password."""
    request.session[DRAFT] = {"place": place, "words": words}


def ask_again(request: HttpRequest, place: str, words: dict[str, str]) -> HttpResponse:
    """Keep what was written at `place` and ask for the password first."""
    keep_draft(request, place, words)
    target = f"{reverse('reauthenticate')}?next={place}"
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204, headers={"HX-Redirect": target})
    return redirect(target)


def take_draft(request: HttpRequest, place: str) -> dict[str, Any]:
    """What was typed at `place` before; it is handed out once."""
    draft = request.session.get(DRAFT) or {}
    if draft.get("place") != place:
        return {}
    del request.session[DRAFT]
    return dict(draft["words"])
