"""One's own account over REST, for a session alone: the password, and where one is logged in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import logins, notices
from registry.api.asking import PersonRequest, Strict, body
from registry.api.permissions import LoggedIn
from registry.errors import BadInput, NotAllowed
from registry.services import accounts, wishes
from registry.web import forms

if TYPE_CHECKING:
    from registry.models import Session


class PasswordChange(Strict):
    """The body of `PUT /account/password`."""

    example = {"old": "the one that I have", "new": "another that nobody guesses"}

    old = serializers.CharField(max_length=1000, trim_whitespace=False)
    new = serializers.CharField(max_length=1000, trim_whitespace=False)


class SessionShape(serializers.Serializer[object]):
    """A browser on which one is logged in; `here` is the one that asks."""

    id = serializers.CharField(source="identifier")
    device = serializers.CharField()
    began_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField()
    here = serializers.SerializerMethodField()

    def get_here(self, session: Session) -> bool:
        return bool(session.session_key == self.context["here"])


class WishesBody(Strict):
    """What one is mailed: what waits, what one asked for and has ended, what one registered and went back."""

    example = {"waits": True, "ended": True, "returned": False}

    waits = serializers.BooleanField()
    ended = serializers.BooleanField()
    returned = serializers.BooleanField()


def _here(request: PersonRequest) -> str:
    """The key of the session that asks. Raises NotAllowed for a token, which has none."""
    if request.auth is not None:
        raise NotAllowed("A token has no account of its own: log in.")
    return request.session.session_key or ""


class Password(APIView):
    """The password of who asks."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="account_password", request=PasswordChange, responses={204: None})
    def put(self, request: PersonRequest) -> Response:
        """Choose another password. All other sessions end; tokens go on."""
        here, asked = _here(request), body(PasswordChange, request)
        try:
            if not forms.try_password(request, asked["old"]):
                raise BadInput("This is not your password.", field="old")
        except ValidationError as error:
            raise NotAllowed(str(error.messages[0])) from None
        accounts.change_password(request.user, old=asked["old"], new=asked["new"], here=here)
        update_session_auth_hash(request, request.user)
        return Response(status=204)


class Sessions(APIView):
    """Where one is logged in."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="sessions_list", responses=SessionShape(many=True))
    def get(self, request: PersonRequest) -> Response:
        """Every session of one's own, the latest use first."""
        context = {"here": _here(request)}
        return Response(SessionShape(logins.sessions(request.user), many=True, context=context).data)

    @extend_schema(operation_id="sessions_end_others", responses={204: None})
    def delete(self, request: PersonRequest) -> Response:
        """End all but the one that asks."""
        accounts.end_other_sessions(request.user, _here(request))
        return Response(status=204)


class Mail(APIView):
    """What one is mailed."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="account_mail", responses=WishesBody)
    def get(self, request: PersonRequest) -> Response:
        """What one is mailed now."""
        _here(request)
        return Response(WishesBody(notices.wishes(request.user)).data)

    @extend_schema(operation_id="account_mail_choose", request=WishesBody, responses=WishesBody)
    def put(self, request: PersonRequest) -> Response:
        """Choose what one is mailed from now on."""
        _here(request)
        asked = body(WishesBody, request)
        wishes.choose(request.user, **asked)
        return Response(asked)


class OneSession(APIView):
    """One session of one's own."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="sessions_end", responses={204: None})
    def delete(self, request: PersonRequest, identifier: str) -> Response:
        """End it: whoever uses that browser must log in again."""
        _here(request)
        accounts.end_session(request.user, identifier)
        return Response(status=204)
