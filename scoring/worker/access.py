"""Who may call what: the plan's tokens, looked up by the digest of what the caller sent."""

from __future__ import annotations

import hashlib
from binascii import Error, a2b_base64
from collections.abc import Callable, Iterable
from time import time

from formats.plan import EVERY_MODEL, SCOPES, PlannedToken
from scoring.errors import Forbidden, MissingToken, NotReady

ANYONE = PlannedToken("public", "", frozenset({"score", "feedback"}), frozenset({EVERY_MODEL}))
"""What a caller without a token is where the plan is public."""
_REMEMBERED = 4096
"""Tokens looked up already: then all are forgotten, and hashed anew."""
_LONGEST = 256
"""Tokens have some 70 characters; what is longer is not even hashed."""


class Access:
    """The tokens of one plan. A new plan makes a new one, so a revoked token is gone with the swap."""

    def __init__(
        self,
        tokens: Iterable[PlannedToken] = (),
        *,
        public: bool = False,
        clock: Callable[[], float] = time,
    ) -> None:
        self._clock = clock
        self._tokens = {token.sha256: token for token in tokens}
        self._public = public
        self._seen: dict[bytes, PlannedToken] = {}

    def token(self, authorization: bytes) -> PlannedToken:
        """The caller's token. Raises MissingToken when there is none that counts now."""
        found = self._seen.get(authorization) or self._resolve(authorization)
        if found.expires is not None and found.expires <= self._clock():
            raise MissingToken("this token has expired: ask for a new one")
        return found

    def _resolve(self, authorization: bytes) -> PlannedToken:
        text = _sent(authorization)
        found = None
        if text is not None:
            found = self._tokens.get(hashlib.sha256(text).hexdigest())
            if found is None:
                raise MissingToken("this token is not known here, or was revoked")
        if found is None:
            if not self._public:
                raise MissingToken("send a token with scope score: Authorization: Bearer assay_...")
            found = ANYONE
        if len(authorization) > _LONGEST:
            return found
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[authorization] = found
        return found


class Unplanned(Access):
    """Before a worker's first plan nobody's token is known: that is no reason to send anybody away."""

    def token(self, authorization: bytes) -> PlannedToken:
        raise NotReady("this node has no plan yet: come again in a second")


def _sent(authorization: bytes) -> bytes | None:
    """The token's text. A client that knows only addresses sends it as the password of one (RFC 7617)."""
    scheme, _, rest = authorization.strip().partition(b" ")
    text = rest.strip()
    if scheme.lower() == b"bearer":
        return text
    if scheme.lower() != b"basic":
        return None
    try:
        return a2b_base64(text).partition(b":")[2]
    except Error:
        return b""


def permit(token: PlannedToken, scope: str, model: str | None = None) -> None:
    """Raise Forbidden unless the token has the scope, for this model where one is named."""
    if scope not in token.scopes:
        raise Forbidden(f"this call takes a token with scope {scope}: this one has {_words(token)}")
    if model is not None and EVERY_MODEL not in token.models and model not in token.models:
        raise Forbidden(f"this token is not for the model {model!r}")


def _words(token: PlannedToken) -> str:
    return ", ".join(sorted(token.scopes & SCOPES)) or "none"
