"""What answers clients, and what did at any time before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import selectors as registry_selectors
from registry.api.asking import PersonRequest, query
from registry.api.permissions import LoggedIn
from releases import selectors
from releases.api.shapes import MomentQuery, StandingShape, standing

if TYPE_CHECKING:
    from registry.models import RegisteredModel
    from releases.models import Environment


class Standing(APIView):
    """One model in one environment."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="environments_read", parameters=[MomentQuery], responses=StandingShape)
    def get(self, request: PersonRequest, environment: str, model: str) -> Response:
        """What is live now or was live `at` a time: which versions, at what share, since when, by whom."""
        asked = query(MomentQuery, request)
        of = registry_selectors.model(model, request.user, request.auth)
        where = selectors.environment(environment)
        route = selectors.route(of, where, at=asked["at"])
        given_up = None if asked["at"] else _given_up(of, where)
        return Response(StandingShape(standing(of.name, where.name, route, given_up)).data)


def _given_up(model: RegisteredModel, environment: Environment) -> str | None:
    live = selectors.champion(model, environment)
    broken = selectors.given_up(live) if live else None
    return f"Given up by node {broken.facts.get('node')}: {broken.facts.get('why')}." if broken else None
