"""Releases over REST: opened, read, reviewed, moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import selectors as registry_selectors
from registry.api.asking import PersonRequest, body, query
from registry.api.idempotency import idempotent
from registry.api.paging import PageQuery, page_of, paged
from registry.api.permissions import LoggedIn, require_fresh_login
from registry.keyset import NEWEST_FIRST
from releases import actions, selectors
from releases.api.shapes import (
    ActionBody,
    NewRelease,
    NewReview,
    ReleaseLine,
    ReleaseShape,
    ReturnsShape,
)
from releases.lifecycle import State
from releases.rollout import returns
from releases.services import opening, reviews

if TYPE_CHECKING:
    from registry.models import ModelVersion
    from releases import models


def shown(release: models.Release, request: PersonRequest, status: int = 200) -> Response:
    """The release as whoever has just changed it may see it, read again so that nothing in it is old."""
    return told(selectors.release(release.pk, request.user, request.auth), request, status)


def told(release: models.Release, request: PersonRequest, status: int = 200) -> Response:
    access = registry_selectors.access(request.user, request.auth, release.model)
    answer = ReleaseShape(release, context={"access": access}).data
    return Response(answer, status=status, headers={"Location": answer["url"]} if status == 201 else None)


class VersionReleases(APIView):
    """The releases of one version."""

    permission_classes = [LoggedIn]

    def _version(self, request: PersonRequest, model: str, number: int) -> ModelVersion:
        of = registry_selectors.model(model, request.user, request.auth)
        return registry_selectors.version(of, number)

    @extend_schema(operation_id="releases_list", parameters=[PageQuery], responses=page_of(ReleaseLine))
    def get(self, request: PersonRequest, model: str, number: int) -> Response:
        """Newest first."""
        query(PageQuery, request)
        rows = selectors.lines_of_version(self._version(request, model, number))
        return paged(request, rows, ReleaseLine, order=NEWEST_FIRST)

    @extend_schema(operation_id="releases_create", request=NewRelease, responses={201: ReleaseShape})
    @idempotent()
    def post(self, request: PersonRequest, model: str, number: int) -> Response:
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
    def get(self, request: PersonRequest, pk: int) -> Response:
        """State, gates with evidence, reviews, what may be done, the rollout, the timeline."""
        return told(selectors.release(pk, request.user, request.auth), request)


class Returns(APIView):
    """Where a roll-back of a live release could go."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="returns_list", responses=ReturnsShape)
    def get(self, request: PersonRequest, pk: int) -> Response:
        """What was live here before and what is approved, the newest first; none for what is not live."""
        release = selectors.release(pk, request.user, request.auth)
        live = release.state == State.LIVE
        last = returns.before(release) if live else None
        ways = {"next": last and last.number, "versions": returns.options(release) if live else []}
        return Response(ReturnsShape(ways).data)


class Reviews(APIView):
    """Signatures on a release. A machine signs nothing."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="reviews_create", request=NewReview, responses={201: ReleaseShape})
    @idempotent()
    def post(self, request: PersonRequest, pk: int) -> Response:
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
    def post(self, request: PersonRequest, pk: int, action: str) -> Response:
        """200 with the release, 409 where the lifecycle has no such step now, 403 where policy says no."""
        release = selectors.release(pk, request.user, request.auth)
        row = actions.named(action)
        if row.fresh:
            require_fresh_login(request)
        said = body(ActionBody, request)
        return shown(actions.perform(row, release, by=request.user, token=request.auth, **said), request)
