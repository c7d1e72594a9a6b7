"""Rewards and labels by request id, with one status for each."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import selectors
from registry.api.asking import PersonRequest, actor_of
from registry.api.idempotency import idempotent
from registry.api.permissions import LoggedIn
from registry.errors import BadInput, NotAllowed
from releases import selectors as release_selectors
from releases.api.shapes import FeedbackCounts, FeedbackItem, FeedbackStatus
from releases.traffic import feedback
from releases.traffic.feedback import Judged
from scoring import request_ids
from scoring.errors import BadRequestId

MOST_ITEMS = 1000
"""One transaction, whose writes others wait for."""


class ModelFeedback(APIView):
    """How much came back for each version of a model."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="models_feedback", responses=FeedbackCounts)
    def get(self, request: PersonRequest, model: str) -> Response:
        """Rewards, labels and the mean reward per version, each answer counted once."""
        of = selectors.model(model, request.user, request.auth)
        counts = release_selectors.feedback_by_version(of)
        return Response({"versions": [counts[number] for number in sorted(counts)]})


class Feedback(APIView):
    """What became of answers."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="feedback_create",
        request=FeedbackItem(many=True),
        responses=FeedbackStatus(many=True),
    )
    @idempotent()
    def post(self, request: PersonRequest) -> Response:
        """One item or a list of at most 1,000. Each counts once, however often it is sent.

        A call of nothing but rewards beyond the range that the model's policy gives is refused."""
        if request.auth is not None and "feedback" not in request.auth.scopes:
            raise NotAllowed("This token lacks the scope feedback.")
        items = _items(request.data)
        judged = _judged(items, request)
        if all(one.beyond for one in judged):
            raise BadInput(f"{judged[0].reason[0].upper()}{judged[0].reason[1:]}.", field="reward")
        return Response([one.told(item) for item, one in zip(items, judged, strict=True)])


def _items(data: Any) -> list[dict[str, Any]]:
    """The items; what is wrong with one of them is told beside it, as a node tells it."""
    listed = data if isinstance(data, list) else [data]
    if not 0 < len(listed) <= MOST_ITEMS:
        raise ValidationError(f"Send between 1 and {MOST_ITEMS} items.")
    for place, item in enumerate(listed):
        if not isinstance(item, dict):
            raise ValidationError({f"[{place}]": "An item is an object: {request_id, reward} or {…, label}."})
    return listed


def _judged(items: list[dict[str, object]], request: PersonRequest) -> list[Judged]:
    """Items about models that are not the asker's are unknown to him, whatever they are to us."""
    own = selectors.models_for(request.user, request.auth, {"feedback"}).values_list("name", flat=True)
    tags = {request_ids.model_tag(name) for name in own}
    mine = [index for index, item in enumerate(items) if _may_tell(item.get("request_id"), tags)]
    judged = [feedback.UNKNOWN] * len(items)
    taken = feedback.take([items[index] for index in mine], actor=actor_of(request))
    for index, one in zip(mine, taken, strict=True):
        judged[index] = one
    return judged


def _may_tell(request_id: object, tags: set[bytes]) -> bool:
    try:
        return request_ids.parse(str(request_id), settings.REQUEST_KEY()).model in tags
    except BadRequestId:
        return True
