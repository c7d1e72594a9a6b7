"""Disagreements of a rollout over REST: judged blindly, one at a time or in lists, and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from formats.dtypes import Array
from registry.api.asking import PersonRequest, Strict, body, query
from registry.api.idempotency import idempotent
from registry.api.permissions import LoggedIn
from releases import selectors
from releases.rollout.labelling import cases, counted
from releases.services import labelling

if TYPE_CHECKING:
    from releases.models import Rollout

MOST = 20
"""As many as somebody labels in one sitting; those shown are set aside for that person."""
MOST_ELEMENTS = 4096
"""Of one tensor; what is longer is cut, for an expert reads no more."""


class NextQuery(Strict):
    next = serializers.IntegerField(min_value=1, max_value=MOST, default=MOST)


class NewJudgement(Strict):
    """Which of the two answers was right, as they were shown: `first`, `second`, `both` or `neither`."""

    example = {"case": "5f0c2a", "right": "first"}

    case = serializers.CharField(max_length=64)
    right = serializers.ChoiceField(labelling.ANSWERS)


class DisagreementShape(serializers.Serializer[object]):
    """One case: what was asked, and two answers. Which version gave which is not told."""

    case = serializers.CharField()
    inputs = serializers.DictField()
    first = serializers.DictField()
    second = serializers.DictField()


class LabellingShape(serializers.Serializer[object]):
    """How many cases are left, and how many labels were given. What they come to is told with the rollout:
    here it would tell whose answers are whose."""

    left = serializers.IntegerField()
    given = serializers.IntegerField()


class DisagreementsShape(LabellingShape):
    items = DisagreementShape(many=True)


class Disagreements(APIView):
    """What is left to judge."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="rollouts_disagreements_list", parameters=[NextQuery], responses=DisagreementsShape
    )
    def get(self, request: PersonRequest, pk: int) -> Response:
        """The next cases in an order that nobody chooses, and how many are left. For technical and privacy
        reviewers and release managers: it shows what clients sent."""
        rollout = selectors.rollout(pk, request.user, request.auth)
        most = query(NextQuery, request)["next"]
        found = labelling.cases_for(rollout, request.user, request.auth)
        items = [_told(cases.shown(case)) for case in found[:most]]
        return Response(DisagreementsShape(_progress(rollout, found) | {"items": items}).data)


class Labels(APIView):
    """Labels of cases."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="rollouts_labels_create", request=NewJudgement, responses={201: LabellingShape}
    )
    @idempotent()
    def post(self, request: PersonRequest, pk: int) -> Response:
        """How far it is with this one. 404 for a case that is not there any more, 409 where somebody
        has judged its unit meanwhile."""
        rollout = selectors.rollout(pk, request.user, request.auth)
        labelling.give(rollout, by=request.user, token=request.auth, **body(NewJudgement, request))
        left = labelling.cases_for(rollout, request.user, request.auth)
        return Response(LabellingShape(_progress(rollout, left)).data, status=201)

    @extend_schema(operation_id="rollouts_labels_undo", responses=LabellingShape)
    @idempotent()
    def delete(self, request: PersonRequest, pk: int) -> Response:
        """Take one's own last label back; its case comes again."""
        rollout = selectors.rollout(pk, request.user, request.auth)
        labelling.undo(rollout, by=request.user, token=request.auth)
        left = labelling.cases_for(rollout, request.user, request.auth)
        return Response(LabellingShape(_progress(rollout, left)).data)


def _progress(rollout: Rollout, left: Sequence[cases.Case]) -> dict[str, object]:
    return {"left": len(left), "given": counted.given(rollout)}


def _told(shown: cases.Shown) -> dict[str, object]:
    sides = {name: getattr(shown, name) for name in ("inputs", "first", "second")}
    return {"case": shown.key} | {
        side: {name: _values(value) for name, value in said.items()} for side, said in sides.items()
    }


def _values(array: Array) -> list[Any]:
    flat = array.reshape(-1)
    return list(flat[:MOST_ELEMENTS].tolist() if flat.size > MOST_ELEMENTS else array.tolist())
