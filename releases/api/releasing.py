"""Releases over REST: opened, read, reviewed, moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import selectors as registry_selectors
from registry.api.asking import body, query
from registry.api.idempotency import idempotent
from registry.api.paging import page_of, paged
from registry.api.permissions import LoggedIn, require_fresh_login
from registry.api.shapes import PageQuery
from registry.errors import Conflict, NotAllowed, NotFound
from releases import policies, selectors
from releases.api.shapes import ActionBody, NewRelease, NewReview, ReleaseLine, ReleaseShape
from releases.lifecycle import Action, State, target
from releases.services import gating, opening, reviews, rollouts

Mover = Callable[..., Any]


def shown(release: Any, request: Request, status: int = 200) -> Response:
    """The release as whoever asks may see it, read again so that nothing in it is old."""
    fresh = selectors.release(release.pk, request.user, request.auth)
    access = registry_selectors.access(request.user, request.auth, fresh.model)
    answer = ReleaseShape(fresh, context={"access": access}).data
    return Response(answer, status=status, headers={"Location": answer["url"]} if status == 201 else None)


class VersionReleases(APIView):
    """The releases of one version."""

    permission_classes = [LoggedIn]

    def _version(self, request: Request, model: str, number: int) -> Any:
        of = registry_selectors.model(model, request.user, request.auth)
        return registry_selectors.version(of, number)

    @extend_schema(operation_id="releases_list", parameters=[PageQuery], responses=page_of(ReleaseLine))
    def get(self, request: Request, model: str, number: int) -> Response:
        """Newest first."""
        query(PageQuery, request)
        rows = selectors.lines_of_version(self._version(request, model, number))
        return paged(request, rows, ReleaseLine, order="-pk", view=self)

    @extend_schema(operation_id="releases_create", request=NewRelease, responses={201: ReleaseShape})
    @idempotent()
    def post(self, request: Request, model: str, number: int) -> Response:
        """Open a release and, unless `submit` is false, hand it to the gates."""
        release = opening.open_release(
            self._version(request, model, number),
            by=request.user,
            token=request.auth,
            **body(NewRelease, request),
        )
        return shown(release, request, 201)


class Release(APIView):
    """One release."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="releases_read", responses=ReleaseShape)
    def get(self, request: Request, pk: int) -> Response:
        """State, gates with evidence, reviews, what may be done, the rollout, the timeline."""
        return shown(selectors.release(pk, request.user, request.auth), request)


class Reviews(APIView):
    """Signatures on a release. A machine signs nothing."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="reviews_create", request=NewReview, responses={201: ReleaseShape})
    @idempotent()
    def post(self, request: Request, pk: int) -> Response:
        """Sign one slot, with grounds in words. The last approval approves the release."""
        require_fresh_login(request)
        release = selectors.release(pk, request.user, request.auth)
        signed = reviews.give_review(release, by=request.user, token=request.auth, **body(NewReview, request))
        return shown(signed, request, 201)


class Actions(APIView):
    """Steps of a release that people and machines ask for."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="actions_create",
        request=ActionBody,
        responses={200: ReleaseShape},
    )
    @idempotent()
    def post(self, request: Request, pk: int, action: str) -> Response:
        """200 with the release, 409 where the lifecycle has no such step now, 403 where policy says no."""
        release = selectors.release(pk, request.user, request.auth)
        mover = MOVERS.get(action)
        if mover is None:
            raise NotFound(f"There is no action {action!r}: there are {', '.join(sorted(MOVERS))}.")
        require_fresh_login(request)
        return shown(mover(release, request, body(ActionBody, request)["grounds"]), request)


def _by(service: Mover) -> Mover:
    def move(release: Any, request: Request, grounds: str) -> Any:
        return service(release, by=request.user, token=request.auth, grounds=grounds)

    return move


def _without_words(service: Mover) -> Mover:
    def move(release: Any, request: Request, grounds: str) -> Any:
        return service(release, by=request.user, token=request.auth)

    return move


def _refused(action: Action) -> Mover:
    """A step that the law knows and that no service takes by hand: the policy says why."""

    def move(release: Any, request: Request, grounds: str) -> Any:
        target(State(release.state), action)
        access = registry_selectors.access(request.user, request.auth, release.model)
        raise NotAllowed(policies.refuse_action(action, access, selectors.facts(release)))

    return move


def _not_with(strategy_needed: str) -> Mover:
    def move(release: Any, request: Request, grounds: str) -> Any:
        kind = release.strategy.get("kind", "single")
        raise Conflict(f"A {kind} release has no {strategy_needed}.")

    return move


MOVERS: dict[str, Mover] = {
    "submit": _without_words(opening.submit_release),
    "withdraw": _by(opening.withdraw),
    "start_rollout": _by(rollouts.start_rollout),
    "roll_back": _by(rollouts.roll_back),
    "retire": _by(rollouts.retire),
    "retry_gates": _without_words(gating.retry),
    "promote": _refused(Action.PROMOTE),
    "end_trial": _refused(Action.END_TRIAL),
    "pause": _not_with("steps to pause"),
    "resume": _not_with("steps to resume"),
    "acknowledge": _not_with("alert to acknowledge"),
    "accept_proposal": _not_with("proposal to accept"),
    "dismiss_proposal": _not_with("proposal to dismiss"),
    "override_freeze": _not_with("freeze to override"),
}
