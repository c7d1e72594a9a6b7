"""API tokens over REST: made, listed, revoked."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import selectors
from registry.api.asking import PersonRequest, body
from registry.api.idempotency import idempotent
from registry.api.permissions import LoggedIn
from registry.api.shapes import NewToken, NewTokenShape, TokenShape
from registry.errors import NotAllowed, NotFound
from registry.services import tokens


class Tokens(APIView):
    """The asker's tokens. Tokens are made by people: a token makes no tokens."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="tokens_list", responses=TokenShape(many=True))
    def get(self, request: PersonRequest) -> Response:
        """All of them, revoked ones too; never their secrets."""
        own = selectors.tokens_of(request.user).select_related("owner")
        return Response(TokenShape(own, many=True).data)

    @extend_schema(operation_id="tokens_create", request=NewToken, responses={201: NewTokenShape})
    @idempotent(secret="token")  # noqa: S106 - the name of a field
    def post(self, request: PersonRequest) -> Response:
        """Make a token. Its text is in this answer and nowhere else, ever."""
        if request.auth is not None:
            raise NotAllowed("A token does not make tokens: log in.")
        asked = body(NewToken, request)
        names, owner = asked.pop("models"), asked.pop("owner")
        made, text = tokens.create_token(
            asked.pop("name"),
            owner=selectors.person(owner) if owner else request.user,
            by=request.user,
            models=None if names is None else [selectors.model(name, request.user) for name in names],
            **asked,
        )
        made.token = text  # type: ignore[attr-defined]
        return Response(
            NewTokenShape(made).data, status=201, headers={"Location": f"/api/v1/tokens/{made.identifier}"}
        )


class Token(APIView):
    """One of the asker's tokens."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="tokens_revoke", responses={204: None})
    def delete(self, request: PersonRequest, identifier: str) -> Response:
        """Revoke it; scoring refuses it within a second. Twice is once."""
        if request.auth is not None and request.auth.identifier != identifier:
            raise NotAllowed("A token revokes only itself: log in.")
        found = selectors.tokens_of(request.user).filter(identifier=identifier).first()
        if found is None:
            raise NotFound("You have no such token.")
        tokens.revoke_token(found, by=request.user)
        return Response(status=204)
