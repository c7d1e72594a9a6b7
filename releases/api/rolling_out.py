"""A rollout over REST: where it stands, by what it is judged, and what was decided."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import selectors as registry_selectors
from registry.api.asking import PersonRequest, Strict, body
from registry.api.permissions import LoggedIn
from registry.errors import NotFound
from releases import selectors
from releases.api.foreseen import ForecastShape
from releases.api.rolled_out import RolloutNowShape
from releases.rollout import foreseeing
from releases.rollout.seen import seen


class Rollout(APIView):
    """The newest rollout of a release."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="rollout_read", responses=RolloutNowShape)
    def get(self, request: PersonRequest, pk: int) -> Response:
        """Stages, versions with their live shares, evidence with its thresholds, what is still missing, the
        decisions so far, and what a person is asked. 404 where the release never had one."""
        release = selectors.release(pk, request.user, request.auth)
        found = selectors.rollout_of(release)
        if found is None:
            raise NotFound(f"Release {pk} has had no rollout yet: start_rollout begins one.", release=pk)
        told = {
            "rollout": found,
            "now": seen(found),
            "forecast": foreseeing.of_rollout(found, timezone.now()),
        }
        return Response(RolloutNowShape(told).data)


class ForecastAsked(Strict):
    """A strategy as a release or a manifest says it."""

    example = {"environment": "production", "strategy": {"kind": "canary"}}

    environment = serializers.CharField()
    strategy = serializers.DictField()


class Forecast(APIView):
    """How long a rollout would take, by its own rules on its model's own traffic."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="models_forecast", request=ForecastAsked, responses=ForecastShape)
    def post(self, request: PersonRequest, model: str) -> Response:
        """From the start of a version that is as good as the live one, and when one would go back that is
        worse. Nothing is started or kept. 409 where there is nothing to foretell."""
        of = registry_selectors.model(model, request.user, request.auth)
        asked = body(ForecastAsked, request)
        where = selectors.environment(asked["environment"])
        return Response(
            ForecastShape(foreseeing.of_strategy(of, where, asked["strategy"], timezone.now())).data
        )
