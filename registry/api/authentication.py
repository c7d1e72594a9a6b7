"""Who calls: a bearer token that speaks for its owner. Sessions are checked by DRF, with CSRF."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import (
    BaseAuthentication,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from registry import selectors
from registry.services.token_use import note_use

SCHEME = "Bearer"


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer assay_<id>_<secret>`. The token becomes `request.auth`."""

    def authenticate(self, request: Request) -> tuple[object, object] | None:
        words = get_authorization_header(request).decode("latin-1").split()
        if not words or words[0].lower() != SCHEME.lower():
            return None
        found = selectors.token(words[1]) if len(words) == 2 else None
        if found is None:
            raise AuthenticationFailed(
                "This token is not valid: it was mistyped, it expired or it was revoked."
            )
        note_use(found)
        return found.owner, found

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


class BearerTokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes BearerToken."""

    target_class = BearerToken
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token made on the page Tokens."}


class HeaderSession(SessionAuthentication):
    """A session whose CSRF token must come in the header `X-CSRFToken`.

    Looking for it among the form's fields would read the whole body before anybody has said
    where its files belong.
    """

    def enforce_csrf(self, request: Any) -> None:
        plain = request._request  # noqa: SLF001 - asking DRF's request for its form would parse the body
        plain.__dict__ |= {"_post": QueryDict(), "_files": MultiValueDict()}
        try:
            super().enforce_csrf(plain)
        finally:
            del plain.__dict__["_post"], plain.__dict__["_files"]


class HeaderSessionScheme(SessionScheme):
    """How the OpenAPI document describes HeaderSession."""

    target_class = HeaderSession  # type: ignore[assignment]
    name = "session"
