"""What an open page of a rollout is told as it happens: that there is something new, and nothing of it.

What is new the page then asks for as anybody would, so that rights are asked where they always are. A stream
holds no database connection while it waits; it ends when the rollout is over and when its reader has logged
out, and a browser opens the next one by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from registry.transactions import letting_go
from registry.web.pages import PersonRequest, page
from registry.web.sessions import whose
from releases import selectors
from releases.selectors import Pulse

ASK_EVERY_S = 1.0
"""A page moves within this of a look; one question to the database for all that are open in a process."""
KNOWN_EVERY_S = 5
"""Seconds after which one who has been logged out hears no more."""
LONGEST_S = 600
"""Browsers ask again by themselves: whoever is away is noticed, and restarts are not held up."""
MOST = 100
"""Open pages that one process tells: each is a connection of the door's bound."""
MOST_OF_ONE = 8
"""Of one process: streams in all, and of one person, who may have a few pages open."""
AGAIN, LATER = "retry: 3000\n\n", "retry: 60000\n\n"
"""When a browser opens the next stream."""
OVER = "event: over\ndata:\n\n"

_open: Counter[str] = Counter()
_pulses: dict[int, tuple[float, Pulse]] = {}


@page
def _begun(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Whether somebody may listen, and whether anything will come: a stream has no answer of its own."""
    found = selectors.rollout(pk, request.user)
    return _at_once(OVER if found.is_over else "")


async def events(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Server-sent events: `changed` with the mark of what is new, `over` when nothing more will come."""
    answer: Any = await _asked(_begun, request, pk=pk)
    if answer.status_code != 200 or answer.content:
        return answer  # type: ignore[no-any-return]
    session = request.session.session_key or ""
    person = await _asked(whose, session)
    # A server that gives each answer a thread would hold one for every page that is open.
    if not isinstance(request, ASGIRequest):
        return _at_once(LATER)
    if _open.total() >= MOST or _open[person] >= MOST_OF_ONE:
        return _at_once(LATER)  # so many listen already
    return _stream(_told(pk, request.GET.get("seen", ""), session, person))


def _at_once(told: str) -> HttpResponse:
    return HttpResponse(told, content_type="text/event-stream", headers={"Cache-Control": "no-store"})


def _stream(told: AsyncIterator[str]) -> StreamingHttpResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(told, content_type="text/event-stream", headers=headers)


async def _told(pk: int, seen: str, session: str, person: str) -> AsyncIterator[str]:
    """Something every second, if only a sign of life: a page that is gone is noticed by it."""
    _open[person] += 1
    try:
        yield AGAIN
        for second in range(LONGEST_S):
            if second % KNOWN_EVERY_S == 0 and await _asked(whose, session) != person:
                return
            pulse = await _pulse(pk)
            yield ":\n\n" if pulse.mark == seen else f"event: changed\ndata: {pulse.mark}\n\n"
            seen = pulse.mark
            if pulse.over:
                yield OVER
                return
            await asyncio.sleep(ASK_EVERY_S)
    finally:
        _open[person] -= 1
        if not _open[person]:
            del _open[person]
        if not _open:
            _pulses.clear()


async def _pulse(pk: int) -> Pulse:
    """Asked once for all who listen to one rollout."""
    known = _pulses.get(pk)
    if known is not None and time.monotonic() < known[0] + ASK_EVERY_S / 2:
        return known[1]
    pulse: Pulse = await _asked(selectors.pulse, pk)
    _pulses[pk] = (time.monotonic(), pulse)
    return pulse


async def _asked(work: Callable[..., Any], *args: Any, **named: Any) -> Any:
    return await sync_to_async(letting_go)(work, *args, **named)
