"""Evidence of a rollout over time, as its page draws it: points, oldest first, by page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from registry.api.asking import PersonRequest, query
from registry.api.paging import PageQuery, page_of, paged
from registry.api.permissions import LoggedIn
from registry.keyset import Order
from releases import selectors
from releases.api.rolled_measures import IntervalShape
from releases.rollout.effects import ADJUSTED, OVERALL, PLAIN
from releases.rollout.strategies.base import parts

if TYPE_CHECKING:
    from releases.models import EvidencePoint

METRIC = "metric"
"""In the query, and what a shape is told of it."""


class SpokeShape(serializers.Serializer[object]):
    """Evidence for one claim at one look, as natural logarithms: of 100 to 1 it is 4.6. `version` is null for
    what concerns all of them together."""

    version = serializers.IntegerField(allow_null=True)
    metric = serializers.CharField()
    aim = serializers.CharField()
    log_evidence = serializers.FloatField()
    threshold = serializers.FloatField()


class MeasuredShape(serializers.Serializer[object]):
    """One metric of units: new less live, with the ends of intervals that hold at all looks together."""

    version = serializers.IntegerField()
    metric = serializers.CharField()
    plain = IntervalShape(allow_null=True)
    adjusted = IntervalShape(allow_null=True)
    overall = IntervalShape(allow_null=True)


class EvidencePointShape(serializers.Serializer[object]):
    """What one look found. Of one that something was `decided` by there is a decision. `shares` of units by
    version."""

    at = serializers.DateTimeField()
    stage = serializers.IntegerField()
    decided = serializers.BooleanField()
    shares = serializers.DictField(child=serializers.FloatField())
    evidence = serializers.SerializerMethodField()
    effects = serializers.SerializerMethodField()

    def _is_asked(self, metric: str) -> bool:
        return self.context.get(METRIC, "") in ("", metric)

    @extend_schema_field(SpokeShape(many=True))
    def get_evidence(self, point: EvidencePoint) -> list[dict[str, object]]:
        return list(self._spoke(point))

    def _spoke(self, point: EvidencePoint) -> Iterator[dict[str, object]]:
        for key, (log_evidence, threshold) in point.evidence.items():
            aim, metric, arm = parts(key)
            if self._is_asked(metric):
                version = int(arm) if arm else None
                told: dict[str, object] = {"version": version, "metric": metric, "aim": aim}
                yield told | {"log_evidence": log_evidence, "threshold": threshold}

    @extend_schema_field(MeasuredShape(many=True))
    def get_effects(self, point: EvidencePoint) -> list[dict[str, object]]:
        return list(self._measured(point))

    def _measured(self, point: EvidencePoint) -> Iterator[dict[str, object]]:
        for key, intervals in point.effects.items():
            metric, _, arm = key.rpartition("/")
            if self._is_asked(metric):
                ends = {name: _ends(intervals.get(name)) for name in (PLAIN, ADJUSTED, OVERALL)}
                yield {"version": int(arm), "metric": metric, **ends}


def _ends(known: list[float] | None) -> dict[str, float] | None:
    return dict(zip(("value", "low", "high"), known, strict=True)) if known else None


class EvidenceQuery(PageQuery):
    """`metric` leaves what concerns others out."""

    metric = serializers.CharField(required=False, default="")


class EvidenceOverTime(APIView):
    """How the evidence of a rollout came to where it is."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="rollouts_evidence_list",
        parameters=[EvidenceQuery],
        responses=page_of(EvidencePointShape),
    )
    def get(self, request: PersonRequest, pk: int) -> Response:
        """Looks that found something else, the oldest first: however long a rollout lasts some hundreds are
        kept, evenly apart, those that something was decided by first of all."""
        rollout = selectors.rollout(pk, request.user, request.auth)
        asked = query(EvidenceQuery, request)
        shape = partial(EvidencePointShape, context={METRIC: asked["metric"]})
        return paged(request, rollout.points.order_by(), shape, order=Order("pk"))
