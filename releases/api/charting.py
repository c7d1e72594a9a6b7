"""What charts draw: traffic over a time, the metric over versions."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import selectors as registry_selectors
from registry.api.asking import PersonRequest, query
from registry.api.permissions import LoggedIn
from releases.api.charted import LinesQuery, LinesShape, TrendQuery, TrendShape, lines
from releases.selectors import trend
from releases.traffic import moments, series, spans


class TrafficLines(APIView):
    """What a model was asked, over a time."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="models_traffic_lines", parameters=[LinesQuery], responses=LinesShape)
    def get(self, request: PersonRequest, model: str) -> Response:
        """Requests, errors and latency in the last `span` (15m, 1h, 6h, 24h, 7d, 30d or 90d), point by point
        for each environment that was asked, with the versions that went live or back. These are the numbers
        of the charts on the model's page; our own calls and copies for a shadow version are in no line."""
        asked = query(LinesQuery, request)
        of = registry_selectors.model(model, request.user, request.auth)
        window = spans.until_now(spans.called(asked["span"]))
        seen = series.of_model(of, window, asked["version"], asked["environment"])
        return Response(LinesShape(lines(of.name, seen, moments.since(of, window.started))).data)


class MetricTrend(APIView):
    """The metric of a model over its versions."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="models_metric", parameters=[TrendQuery], responses=TrendShape)
    def get(self, request: PersonRequest, model: str) -> Response:
        """What was claimed of each version and what its newest proof found, against the acceptable range: the
        last 60 versions, or the last 60 up to a number."""
        asked = query(TrendQuery, request)
        of = registry_selectors.model(model, request.user, request.auth)
        return Response(TrendShape(trend.of_model(of, asked["upto"])).data)
