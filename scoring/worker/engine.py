"""A request meets the plan: caller, unit, arm, tensors, queue."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Protocol

from formats.plan import PlannedToken
from scoring.errors import BadRequest, ScoringError
from scoring.protocols.strict import no_text
from scoring.telemetry import Meters
from scoring.worker.access import permit
from scoring.worker.exchange import Answers, Exchange, Route, Target, Way
from scoring.worker.http import Head, error_answer
from scoring.worker.picture import Endpoint, Picture, random_place

_LONGEST_UNIT = 1024
"""Some 20 times an id or an address; every request with one hashes it."""
log = logging.getLogger(__name__)


class Routes(Protocol):
    """Everything that is not one of the plan's own scoring paths."""

    def handle(self, picture: Picture, exchange: Exchange) -> None: ...


class Engine:
    """Follows `picture`, which the next plan replaces by one assignment: a request sees old or new."""

    def __init__(self, routes: Routes, meters: Meters, worker: bytes) -> None:
        self.picture = Picture()
        self.meters = meters
        self._routes = routes
        self._worker = worker

    def handle(self, exchange: Exchange) -> None:
        """Answer an exchange now or later; every outcome is a reply."""
        picture = self.picture
        try:
            head = exchange.head
            route = head.route
            if route is not None and route.picture is picture:
                _score(picture, route.way, route.token, exchange)
                return
            endpoint = picture.endpoints.get(head.target)
            if endpoint is None or head.method != b"POST":
                self._routes.handle(picture, exchange)
            else:
                score(picture, endpoint, exchange)
        except ScoringError as error:
            self.refuse(exchange, error)
        except UnicodeDecodeError:
            self.refuse(exchange, BadRequest(no_text(exchange.body) or "the body is not in UTF-8"))
        except Exception:
            log.exception("a request to %r met a mistake of ours", exchange.head.target)
            self.refuse(exchange, ScoringError("something went wrong here: the node's log says what"))

    def admit(self, head: Head[Route]) -> None:
        """Raises MissingToken for a caller whose large body nobody should have to take in."""
        self.picture.access.token(head.authorization)

    def refuse(self, exchange: Exchange, error: ScoringError) -> None:
        target: Target | None = getattr(exchange, "target", None)
        if target is None:
            self.meters.refused[error.code] += 1
        else:
            target.meter.failed(error.code)
            if target.witness is not None:
                target.witness.failed(exchange, error)
        exchange.finish(error_answer(error, worker=self._worker, keep_alive=exchange.head.keep_alive))


def score(picture: Picture, endpoint: Endpoint, exchange: Exchange) -> None:
    """Put an exchange into the queue of the version that answers it. Raises any ScoringError of the edge."""
    head = exchange.head
    token = picture.access.token(head.authorization)
    permit(token, endpoint.scope, endpoint.model)
    if token.expires is None:
        head.route = Route(picture, endpoint, token)
    _score(picture, endpoint, token, exchange)


def _score(picture: Picture, way: Way, token: PlannedToken, exchange: Exchange) -> None:
    head = exchange.head
    form = exchange.form = way.form
    unit = form.parse(exchange)
    if unit is None:
        unit = head.unit
    exchange.unit = random_place() if unit is None else _place(way, unit)
    if way.keeping is None or token.internal:
        target = way.target(exchange.unit, internal=token.internal)
    else:
        target = way.keeping.target(exchange, named=unit is not None)
    exchange.target = target
    version = target.version
    if version.replies.cache.most_bytes and not token.internal and _recalled(version.replies, exchange):
        return
    # Before its tensors are read, which may take longer than to run them: refusing must cost little.
    version.lane.check_room()
    form.take(exchange, version)
    if version.allowed is not None:
        version.allowed.hold(exchange, target.meter)
    exchange.decoded = perf_counter()
    version.put(exchange)
    if way.mirrors and picture.mirroring is not None and not token.internal:
        picture.mirroring.ask(exchange, way.mirrors)


def _place(way: Way, unit: str) -> int:
    if len(unit) > _LONGEST_UNIT:
        raise BadRequest(f"a unit has at most {_LONGEST_UNIT} characters")
    return way.place(unit)


def _recalled(replies: Answers, exchange: Exchange) -> bool:
    """True when the answer was given before, and is given again."""
    asked = exchange.asked = (exchange.form, exchange.head.header_length, exchange.body)
    found = replies.cache.get(asked)
    if found is None:
        return False
    replies.recall(exchange, found)
    return True
