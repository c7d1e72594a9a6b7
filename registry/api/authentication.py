"""Who calls: a bearer token that speaks for its owner. Sessions are checked by DRF, with CSRF."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from registry import selectors
from registry.services.token_use import note_use

SCHEME = "Bearer"


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer assay_<id>_<secret>`. The token becomes `request.auth`."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
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


class BearerTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes BearerToken."""

    target_class = BearerToken
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token made on the page Tokens."}
