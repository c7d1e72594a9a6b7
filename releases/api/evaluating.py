"""What other shares of a rollout would have brought, over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from registry.api.asking import PersonRequest, Strict, body
from registry.api.permissions import LoggedIn
from registry.errors import BadInput
from releases import selectors
from releases.rollout import whatif
from releases.rollout.seen import counted


class EstimateShape(serializers.Serializer[object]):
    """Of a unit on average, with its standard error; 95 of 100 such intervals hold it, at one look."""

    value = serializers.FloatField()
    error = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class EstimatesShape(serializers.Serializer[object]):
    """By three ways of weighing: IPS, SNIPS and DR. They are to agree; `dr` is mostly the most exact.

    `effective`: as many units as would say the same if all of them weighed alike.
    """

    ips = EstimateShape()
    snips = EstimateShape()
    dr = EstimateShape()
    effective = serializers.FloatField()


class AnswerShape(serializers.Serializer[object]):
    """What these shares would have brought, or in `refusal` why that cannot be said."""

    name = serializers.CharField(source="policy.name")
    shares = serializers.DictField(source="policy.shares", child=serializers.FloatField())
    estimates = EstimatesShape(allow_null=True)
    refusal = serializers.CharField(allow_blank=True)


class EvaluationShape(serializers.Serializer[object]):
    """`units` whose time is over, and what came of one of them on average, as it was."""

    metric = serializers.CharField()
    units = serializers.IntegerField()
    mean = serializers.FloatField()
    answers = AnswerShape(many=True)


class EvaluationAsked(Strict):
    """`metric` is one of the rollout's, what it is about where none is named; `shares` of units by version
    come to 1."""

    example = {"metric": "conversion", "shares": {"8": 0.25, "7": 0.75}}

    metric = serializers.CharField(required=False)
    shares = serializers.DictField(child=serializers.FloatField(), required=False)


class Evaluation(APIView):
    """Other shares than there were."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="rollouts_evaluate", request=EvaluationAsked, responses=EvaluationShape)
    def post(self, request: PersonRequest, pk: int) -> Response:
        """Each version alone, all of them alike, and the shares that are asked about: what they would have
        brought, from what was logged. Nothing is kept. Refused below 100 effective units, and where a version
        had no share."""
        rollout = selectors.rollout(pk, request.user, request.auth)
        asked = body(EvaluationAsked, request)
        if not rollout.design:
            raise BadInput(whatif.NO_SHARES, field="rollout")
        design, counts = counted(rollout)
        metric = whatif.metric_of(design, asked.get("metric", ""))
        shares = asked.get("shares")
        policies = [*([whatif.policy(design, shares)] if shares else []), *whatif.usual(design)]
        was = whatif.as_it_was(whatif.groups(design, counts, metric))
        told = {"metric": metric.name, "units": was.n, "mean": was.mean}
        return Response(
            EvaluationShape({**told, "answers": whatif.answers(design, counts, metric, policies)}).data
        )
