"""The gates of a release, with a long poll that holds neither a thread nor a database connection."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from hashlib import sha256

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from registry.api.asking import PersonRequest, query
from registry.api.permissions import LoggedIn
from registry.transactions import letting_go
from releases import selectors
from releases.api.shapes import GateShape, GatesShape, WaitQuery

ASK_EVERY_S = 0.4
"""Chosen: nobody hears of an end much later than it came, and each who waits costs few queries."""
LONGEST_WAIT_S = 60.0
"""Proxies end a silent connection after a minute or more; who waits longer asks again."""
View = Callable[..., HttpResponseBase]


class Gates(APIView):
    """The gates of one release as they stand."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="gates_read", parameters=[WaitQuery], responses=GatesShape)
    def get(self, request: PersonRequest, pk: int) -> Response:
        """With `wait`, answers when something differs from `seen`; without `seen`, when all is proven."""
        asked = query(WaitQuery, request)
        release = selectors.release(pk, request.user, request.auth)
        gates = GateShape(release.gate_runs.all(), many=True).data
        seen = _seen(release.state, gates)
        proving = release.state in ("draft", "validating")
        waits = proving and (asked["seen"] == seen if asked["seen"] else True)
        answer = Response({"state": release.state, "seen": seen, "gates": gates})
        answer.wait_s = asked["wait"] if waits else 0.0  # type: ignore[attr-defined]
        return answer


def _seen(state: str, gates: Iterable[Mapping[str, object]]) -> str:
    told = [[gate["name"], gate["outcome"], gate["running"]] for gate in gates]
    return sha256(json.dumps([state, told]).encode()).hexdigest()[:16]


def waiting(view: View) -> Callable[..., Coroutine[object, object, HttpResponseBase]]:
    """Ask the view again and again, until its answer needs no more waiting or the time is over."""

    @functools.wraps(view)
    async def answered(request: HttpRequest, pk: int) -> HttpResponseBase:
        deadline: float | None = None
        while True:
            answer: HttpResponseBase = await sync_to_async(letting_go)(view, request, pk=pk)
            wait_s = min(getattr(answer, "wait_s", 0.0), LONGEST_WAIT_S)
            deadline = time.monotonic() + wait_s if deadline is None else deadline
            if not wait_s or time.monotonic() >= deadline:
                return answer
            await asyncio.sleep(ASK_EVERY_S)

    return answered


gates = waiting(Gates.as_view())
