"""What an open page asks for now and then: how many things wait, and how many are new to its reader."""

from __future__ import annotations

import hashlib

from django.http import HttpResponse, HttpResponseBase, JsonResponse

from registry import notices
from registry.web.pages import PersonRequest, page
from releases.web.inbox import waiting_for


@page
def news(request: PersonRequest) -> HttpResponseBase:
    """`waiting` as the navigation shows it, and `news` after the mark `since`; 304 where both are as before.

    Nothing is held open for it: it is an ordinary request, answered from what the person's other pages
    found while the log stands still.
    """
    since = _number(request.GET.get("since", ""))
    mark = notices.mark(request.user)
    asked = since if since is not None else mark
    told = {
        "waiting": str(waiting_for(request.user)),
        "mark": mark,
        "news": notices.news(request.user, asked) if mark > asked else 0,
    }
    answer: HttpResponse = JsonResponse(told)
    etag = f'"{hashlib.sha256(answer.content).hexdigest()[:16]}"'
    if request.headers.get("If-None-Match") == etag:
        answer = HttpResponse(status=304)
    answer["ETag"], answer["Cache-Control"] = etag, "private, no-cache"
    return answer


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
