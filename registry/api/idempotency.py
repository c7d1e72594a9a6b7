"""`Idempotency-Key` on unsafe calls, as a decorator of a view's method."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from registry.api.asking import PersonRequest, actor_of
from registry.services import idempotency
from registry.services.idempotency import Answer, Call
from registry.transactions import write
from scoring.crashpoints import crashpoint

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
REFUSED = 400
"""From this HTTP status on an answer is a refusal, which burns no key."""

Handler = Callable[..., Response]


class _NotDone(Exception):
    """Takes back whatever a refused or failed call did; its key stays free."""

    def __init__(self, response: Response) -> None:
        self.response = response


def idempotent(*, secret: str = "", reserved: bool = False) -> Callable[[Handler], Handler]:
    """Answer a call whose key has been seen with the answer that it got before.

    The handler and its answer are one transaction. `reserved` is for a handler that works before its
    transaction and that may run twice without harm: it has the key to itself while it works.
    A key is used up by what was done. What was refused (4xx) or failed by our fault (5xx) did nothing
    and leaves it free, so that a mended call may bring it again. `secret` names a field of the
    answer that is told once and never stored.
    """

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def answered(view: object, request: PersonRequest, *args: object, **kwargs: object) -> Response:
            key = request.headers.get(HEADER)
            if key is None:
                return handler(view, request, *args, **kwargs)
            call = Call(
                actor_of(request), key, f"{request.method} {request.path}", _fingerprint(request.data)
            )
            attempt = functools.partial(_attempt, handler, view, request, *args, **kwargs)
            return (_reserved if reserved else _in_one_transaction)(call, attempt, secret)

        answered.idempotent = True  # type: ignore[attr-defined]
        return answered

    return decorate


def _in_one_transaction(call: Call, attempt: Callable[[], Response], secret: str) -> Response:
    try:
        with write():
            known = idempotency.answered(call)
            if known is not None:
                return _replayed(known)
            response = attempt()
            if response.status_code >= REFUSED:
                raise _NotDone(response)
            idempotency.keep(call, _answer(response, secret))
        crashpoint("answer.kept")
        return response
    except _NotDone as told:
        return told.response


def _reserved(call: Call, attempt: Callable[[], Response], secret: str) -> Response:
    reservation = idempotency.reserve(call)
    if isinstance(reservation, Answer):
        return _replayed(reservation)
    response = None
    try:
        with idempotency.held(reservation):
            response = attempt()
    finally:
        if response is None or response.status_code >= REFUSED:
            idempotency.release(reservation)
    if response.status_code < REFUSED:
        idempotency.fulfil(reservation, _answer(response, secret))
        crashpoint("answer.fulfilled")
    return response


def _attempt(handler: Handler, view: Any, request: PersonRequest, *args: Any, **kwargs: Any) -> Response:
    try:
        return handler(view, request, *args, **kwargs)
    except Exception as error:  # every error becomes problem details here, as it would further out
        refused: Response = view.handle_exception(error)
        return refused


def _answer(response: Response, secret: str) -> Answer:
    body = json.loads(json.dumps(response.data, cls=JSONEncoder))
    if secret and secret in body:
        body[secret] = None
    return Answer(response.status_code, body, response.headers.get("Location", ""))


def _replayed(answer: Answer) -> Response:
    headers = {REPLAYED: "true"} | ({"Location": answer.location} if answer.location else {})
    return Response(answer.body, status=answer.status, headers=headers)


def _fingerprint(data: object) -> str:
    """Says whether two bodies are the same; an upload knows its own, because boundaries differ."""
    if hasattr(data, "fingerprint"):
        return str(data.fingerprint)
    return sha256(json.dumps(data, sort_keys=True, cls=JSONEncoder).encode()).hexdigest()
