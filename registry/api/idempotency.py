"""`Idempotency-Key` on unsafe calls, as a decorator of a view's method."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from registry.api.asking import actor_of
from registry.services import idempotency
from registry.services.idempotency import Answer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

Handler = Callable[..., Response]


def idempotent(*, secret: str = "") -> Callable[[Handler], Handler]:
    """Answer a call whose key has been seen with the answer that it got before.

    Refusals are kept like successes; what failed by our fault (5xx) is not. `secret` names a
    field of the answer that is told once and never stored.
    """

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def answered(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            key = request.headers.get(HEADER)
            if key is None:
                return handler(view, request, *args, **kwargs)
            held = idempotency.reserve(
                actor_of(request),
                key,
                call=f"{request.method} {request.path}",
                body_sha256=_fingerprint(request.data),
            )
            if isinstance(held, Answer):
                return _replayed(held)
            return _kept(held, secret, lambda: _attempt(handler, view, request, *args, **kwargs))

        return answered

    return decorate


def _attempt(handler: Handler, view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
    try:
        return handler(view, request, *args, **kwargs)
    except Exception as error:  # every error becomes problem details here, as it would further out
        refused: Response = view.handle_exception(error)
        return refused


def _kept(held: idempotency.Reservation, secret: str, attempt: Callable[[], Response]) -> Response:
    response = None
    try:
        response = attempt()
    finally:
        if response is None or response.status_code >= 500:
            idempotency.release(held)
    if response.status_code < 500:
        body = json.loads(json.dumps(response.data, cls=JSONEncoder))
        if secret and secret in body:
            body[secret] = None
        idempotency.keep(held, Answer(response.status_code, body, response.headers.get("Location", "")))
    return response


def _replayed(answer: Answer) -> Response:
    headers = {REPLAYED: "true"} | ({"Location": answer.location} if answer.location else {})
    content_type = "application/problem+json" if answer.status >= 400 else None
    return Response(answer.body, status=answer.status, headers=headers, content_type=content_type)


def _fingerprint(data: Any) -> str:
    """Says whether two bodies are the same; an upload knows its own, because boundaries differ."""
    if hasattr(data, "fingerprint"):
        return str(data.fingerprint)
    return sha256(json.dumps(data, sort_keys=True, cls=JSONEncoder).encode()).hexdigest()
