"""What the frame of every page shows about releases."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from releases.web.inbox import waiting_for


def queue(request: HttpRequest) -> dict[str, object]:
    """`waiting_count`: releases that wait for something this person may do; asked for only when shown."""
    return {"waiting_count": SimpleLazyObject(lambda: _waiting(request))}


def _waiting(request: HttpRequest) -> str:
    return str(waiting_for(request.user)) if request.user.is_authenticated else ""
