"""Freezes of an environment over REST: which there are and when, made and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from registry.api.asking import PersonRequest, Strict, body
from registry.api.idempotency import idempotent
from registry.api.permissions import LoggedIn, require_fresh_login
from releases import selectors
from releases.services import freezing
from releases.windows import Open

if TYPE_CHECKING:
    from releases.models import FreezeWindow


class NewFreeze(Strict):
    """Again and again: `cron` (five fields), `zone` and `minutes`. Once: `begins_at` and `ends_at`."""

    example = {
        "name": "weekend",
        "cron": "0 18 * * fri",
        "zone": "Europe/Vienna",
        "minutes": 3720,
        "grounds": "nobody is here to look after it",
    }

    name = serializers.CharField(max_length=freezing.LONGEST_NAME)
    cron = serializers.CharField(max_length=freezing.LONGEST_CRON, required=False)
    zone = serializers.CharField(max_length=64, required=False)
    minutes = serializers.IntegerField(required=False)
    begins_at = serializers.DateTimeField(required=False)
    ends_at = serializers.DateTimeField(required=False)
    grounds = serializers.CharField(max_length=10_000)


class FreezeGrounds(Strict):
    """Why it is removed."""

    example = {"grounds": "the fair is over"}

    grounds = serializers.CharField(max_length=10_000)


class OpenShape(serializers.Serializer[Open]):
    begins_at = serializers.DateTimeField(source="begins")
    ends_at = serializers.DateTimeField(source="ends")


class FreezeShape(serializers.Serializer[object]):
    """One freeze: `now` is the time in which it is on, `next` when it will be; null where it is not."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    cron = serializers.CharField()
    zone = serializers.CharField()
    minutes = serializers.IntegerField(allow_null=True)
    begins_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    made_by = serializers.CharField()
    made_at = serializers.DateTimeField()
    now = serializers.SerializerMethodField()
    next = serializers.SerializerMethodField()

    @extend_schema_field(OpenShape(allow_null=True))
    def get_now(self, window: FreezeWindow) -> dict[str, object] | None:
        opened = window.open_at(timezone.now())
        return None if opened is None else dict(OpenShape(opened).data)

    @extend_schema_field(OpenShape(allow_null=True))
    def get_next(self, window: FreezeWindow) -> dict[str, object] | None:
        opened = window.next_after(timezone.now())
        return None if opened is None else dict(OpenShape(opened).data)


class Freezes(APIView):
    """The freezes of one environment."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="freezes_list", responses=FreezeShape(many=True))
    def get(self, request: PersonRequest, environment: str) -> Response:
        """By their names; at most twenty."""
        windows = selectors.freeze_windows(selectors.environment(environment))
        return Response(FreezeShape(windows, many=True).data)

    @extend_schema(operation_id="freezes_create", request=NewFreeze, responses={201: FreezeShape})
    @idempotent()
    def post(self, request: PersonRequest, environment: str) -> Response:
        """For an admin or a release manager of all models, with a fresh log-in. 409: the name is taken."""
        where = selectors.environment(environment)
        require_fresh_login(request)
        said = body(NewFreeze, request)
        name, grounds = said.pop("name"), said.pop("grounds")
        times = freezing.times(**said)
        made = freezing.make_freeze(
            where, name=name, times=times, grounds=grounds, by=request.user, token=request.auth
        )
        return Response(FreezeShape(made).data, status=201)


class Freeze(APIView):
    """One freeze."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="freezes_delete", request=FreezeGrounds, responses={200: FreezeShape})
    @idempotent()
    def delete(self, request: PersonRequest, environment: str, pk: int) -> Response:
        """It does not come again. One that is on lasts until its end: `now` in the answer says when."""
        window = selectors.freeze_window(selectors.environment(environment), pk)
        require_fresh_login(request)
        said = body(FreezeGrounds, request)
        removed = freezing.remove_freeze(window, by=request.user, token=request.auth, **said)
        return Response(FreezeShape(removed).data)
