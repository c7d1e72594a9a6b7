"""Units of a rollout: what became of them comes in, and who was given what goes out."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from formats import parquet
from registry import selectors as registry_selectors
from registry.api.asking import PersonRequest, Strict, actor_of
from registry.api.idempotency import idempotent
from registry.api.permissions import LoggedIn
from registry.errors import NotAllowed
from registry.web.exporting import download
from releases import policies, selectors
from releases.api.comparing import Lines
from releases.rollout.outcomes import exposures, taking


class OutcomeItem(Strict):
    """What became of one unit by one metric of the rollout. `per` is what a ratio has below the line; `at` is
    when it happened, now where it is left out."""

    example = {"unit": "user-17", "metric": "conversion", "value": 1, "at": "2026-12-01T06:00:00+00:00"}

    unit = serializers.CharField()
    metric = serializers.CharField()
    value = serializers.FloatField()
    per = serializers.FloatField(required=False)
    at = serializers.DateTimeField(required=False)


class OutcomeStatus(serializers.Serializer[object]):
    unit = serializers.CharField()
    metric = serializers.CharField()
    status = serializers.ChoiceField([str(each) for each in taking.Status])
    reason = serializers.CharField(required=False)


class Outcomes(APIView):
    """What became of units."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="rollouts_outcomes_create",
        request=OutcomeItem(many=True),
        responses=OutcomeStatus(many=True),
    )
    @idempotent()
    def post(self, request: PersonRequest, pk: int) -> Response:
        """One item or a list of at most 1,000; each unit counts once for a metric, with what came first.
        Where a member of an item cannot be, 422 names it and nothing of the call is kept."""
        rollout = selectors.rollout_with_units(pk, request.user, request.auth)
        own = registry_selectors.models_for(request.user, request.auth, {"feedback"})
        if not own.filter(pk=rollout.model_id).exists():
            raise NotAllowed("Telling what became of units needs the scope feedback for this model.")
        judged = taking.take(rollout, request.data, actor=actor_of(request))
        return Response([one.told() for one in judged])


class Parquet(JSONRenderer):
    """What is streamed by row groups; only a refusal comes through here, as JSON."""

    media_type = parquet.MEDIA_TYPE
    format = "parquet"


class Exposures(APIView):
    """Who was given what."""

    permission_classes = [LoggedIn]
    renderer_classes = [JSONRenderer, Lines, Parquet]

    @extend_schema(
        operation_id="rollouts_exposures_download",
        responses={
            (200, Lines.media_type): OpenApiTypes.STR,
            (200, Parquet.media_type): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: PersonRequest, pk: int) -> StreamingHttpResponse:
        """Every unit that counts, as it is read: its hash under the rollout's salt, the version that it was
        given first, with what chance and by which revision, and when. Never its name. Each is a line of JSON,
        or a row of Parquet for whoever accepts that."""
        rollout = selectors.rollout_with_units(pk, request.user, request.auth)
        may = registry_selectors.access(request.user, request.auth, rollout.model)
        if reason := policies.refuse_predictions(may):
            raise NotAllowed(reason)
        name = f"rollout-{rollout.pk}-exposures"
        if isinstance(request.accepted_renderer, Parquet):
            return download(exposures.table(rollout), Parquet.media_type, f"{name}.parquet")
        return download(exposures.lines(rollout), Lines.media_type, f"{name}.ndjson")
