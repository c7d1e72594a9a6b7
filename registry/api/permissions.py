"""What every view must say: who may call it at all. What they may do there is asked of the policies."""

from __future__ import annotations

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from registry.errors import NotAllowed
from registry.web import freshness


class StaleLogin(NotAllowed):
    """Approving, releasing and changing a policy want a password that was typed not long ago."""

    code = "stale_login"


def require_fresh_login(request: Request) -> None:
    """A session approves and releases only while its password is fresh; a token is not a session."""
    if request.auth is None and not freshness.is_fresh(request):
        raise StaleLogin("Log in again first: what is decided here wants a password typed not long ago.")


class Deny(BasePermission):
    """The default: a view that names no permission serves nobody."""

    def has_permission(self, request: Request, view: object) -> bool:
        return False


class Anybody(BasePermission):
    """For what is no secret: whether we live, and how the API looks."""

    def has_permission(self, request: Request, view: object) -> bool:
        return True


class LoggedIn(BasePermission):
    """A person with a session or a valid token; services and selectors then ask the policies."""

    def has_permission(self, request: Request, view: object) -> bool:
        return bool(request.user and request.user.is_authenticated)
