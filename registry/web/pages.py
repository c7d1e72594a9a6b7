"""What every view of ours does first: ask who it is, and turn a refusal into a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from registry.errors import DomainError, NotAllowed, NotFound

View = Callable[..., HttpResponseBase]


def page(view: View) -> View:
    """A page to look at: GET, logged in."""
    return require_GET(login_required(_refusals(view)))


def action(view: View) -> View:
    """A button: POST, logged in. A refusal that the view does not show itself becomes a page."""
    return require_POST(login_required(_refusals(view)))


def _refusals(view: View) -> View:
    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if _holds_nul(request):
            return render(request, "400.html", status=400)
        try:
            return view(request, *args, **kwargs)
        except NotFound as refusal:
            return _refused(request, refusal, 404)
        except NotAllowed as refusal:
            return _refused(request, refusal, 403)
        except DomainError as refusal:
            return _refused(request, refusal, 409)

    return shown


def _holds_nul(request: HttpRequest) -> bool:
    """No text of ours has a NUL, and PostgreSQL takes none: such a request is nobody's honest one."""
    values = (value for data in (request.GET, request.POST) for _, listed in data.lists() for value in listed)
    return "\x00" in request.path or any("\x00" in str(value) for value in values)


def _refused(request: HttpRequest, refusal: DomainError, status: int) -> HttpResponse:
    return render(request, f"{status}.html", {"sentence": str(refusal)}, status=status)
