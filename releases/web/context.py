"""What the frame of every page shows about releases."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from releases.web.inbox import waiting_for


def queue(request: HttpRequest) -> dict[str, Any]:
    """`waiting_count`: releases that wait for something this person may do; asked for only when shown."""
    return {"waiting_count": SimpleLazyObject(lambda: str(waiting_for(request)))}
