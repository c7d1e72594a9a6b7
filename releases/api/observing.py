"""What was measured: nodes, traffic per version and arm, logged answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import selectors as registry_selectors
from registry.api.asking import PersonRequest, query
from registry.api.paging import PageQuery, page_of, paged
from registry.api.permissions import LoggedIn
from registry.errors import NotAllowed
from registry.keyset import NEWEST_FIRST
from releases import policies, selectors
from releases.api.observed import NodesShape, PredictionSegmentShape, TrafficQuery, TrafficShape, arm
from releases.traffic import figures, fleet, predictions

if TYPE_CHECKING:
    from registry.models import RegisteredModel


class Nodes(APIView):
    """The scoring nodes of an environment."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="nodes_list", responses=NodesShape)
    def get(self, request: PersonRequest, environment: str) -> Response:
        """Every node that has spoken lately: state, plan in force against the one wanted, versions of the
        models that you may see, workers, traffic of the last hour. `problem` says so where none can be
        asked for; nodes go on answering all the same."""
        where = selectors.environment(environment)
        mine = registry_selectors.visible_models(request.user, request.auth)
        found = fleet.known([where], frozenset(mine.values_list("name", flat=True)))
        return Response(NodesShape({"nodes": found.nodes, "problem": found.problem}).data)


class Traffic(APIView):
    """What a model was asked."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="models_traffic", parameters=[TrafficQuery], responses=TrafficShape)
    def get(self, request: PersonRequest, model: str) -> Response:
        """Requests, errors and latency of each arm of each version in the last `minutes` (60). Our own
        calls at verification are left out."""
        asked = query(TrafficQuery, request)
        of = registry_selectors.model(model, request.user, request.auth)
        since = datetime.now(UTC) - timedelta(minutes=asked["minutes"])
        arms = [arm(line) for line in figures.by_arm(of, since) if _wanted(line, asked)]
        return Response(TrafficShape({"model": of.name, "since": since, "arms": arms}).data)


def _wanted(line: figures.ArmFigures, asked: dict[str, object]) -> bool:
    number, environment = asked["version"], asked["environment"]
    return number in (None, line.version) and environment in ("", line.environment)


class Predictions(APIView):
    """Logged answers of a model."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="predictions_list", parameters=[PageQuery], responses=page_of(PredictionSegmentShape)
    )
    def get(self, request: PersonRequest, model: str) -> Response:
        """Archives of logged answers, the newest first: NPZ files without pickle. What is sensitive is
        not in them, or hashed."""
        of = _readable(request, model)
        return paged(request, figures.segments(of), PredictionSegmentShape, order=NEWEST_FIRST)


class PredictionSegment(APIView):
    """One archive of logged answers."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="predictions_download",
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def get(self, request: PersonRequest, model: str, digest: str) -> FileResponse:
        """The bytes, always as an attachment; the `ETag` is their SHA-256."""
        file = predictions.open_segment(_readable(request, model), digest)
        response = FileResponse(
            file.stream, as_attachment=True, filename=file.name, content_type="application/octet-stream"
        )
        response.headers["Content-Length"] = str(file.size)
        response.headers["ETag"] = f'"{file.sha256}"'
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "private, no-store"
        return response


def _readable(request: PersonRequest, model: str) -> RegisteredModel:
    of = registry_selectors.model(model, request.user, request.auth)
    if reason := policies.refuse_predictions(registry_selectors.access(request.user, request.auth, of)):
        raise NotAllowed(reason)
    return of
