"""What every view of ours does first: ask who it is, and turn a refusal into a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from registry.errors import DomainError, NotAllowed, NotFound
from registry.web.drafts import Reader, Written
from registry.web.forms import LogInForm

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from registry.models import Person

View = Callable[..., HttpResponseBase]
OUR_TROUBLE = {
    "damaged_artifact": 500,
    "no_sandbox": 503,
    "store_unavailable": 503,
    "no_room": 507,
    "store_full": 507,
}
"""Refusals that are no fault of whoever asks, by the status that says so."""


class PersonRequest(HttpRequest):
    """What a view gets once `page`, `action` or `form_page` has let somebody in. For types alone."""

    user: Person
    htmx: HtmxDetails


def page(view: View) -> View:
    """A page to look at: GET, logged in."""
    return require_GET(_known(_refusals(view), None))


def action(written: Reader) -> Callable[[View], View]:
    """A button: POST, logged in. A refusal that the view does not show itself becomes a page.

    `written` tells what was filled in and on which page, for somebody who has to log in again first.
    """
    return lambda view: require_POST(_known(_refusals(view), written))


def form_page(written: Reader) -> Callable[[View], View]:
    """A page that takes its own form: GET and POST, logged in."""
    return lambda view: require_http_methods(["GET", "POST"])(_known(_refusals(view), written))


def written_by(request: HttpRequest) -> Written | None:
    """What a request of a button or a form has written, whoever sends it."""
    match = request.resolver_match
    reader = getattr(match.func, "written", None) if match else None
    return reader(request, **match.kwargs) if match and reader and request.method == "POST" else None


def log_in_first(request: HttpRequest, written: Written | None) -> HttpResponse:
    """Who are you? A page that asks for a part of itself is told so, and asks its reader in a dialog."""
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=401)
    if written is None:
        return redirect_to_login(request.get_full_path())
    if written.is_empty:
        return redirect_to_login(written.place)
    context = {"form": LogInForm(request), "next": written.place, "written": written}
    return render(request, "registry/sessions/log_in.html", context, status=401)


def _known(view: View, written: Reader | None) -> View:
    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        return log_in_first(request, written_by(request))

    asked.written = written  # type: ignore[attr-defined]
    return asked


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
            return _refused(request, refusal, OUR_TROUBLE.get(refusal.code, 409))

    return shown


def _holds_nul(request: HttpRequest) -> bool:
    """No text of ours has a NUL, and PostgreSQL takes none: such a request is nobody's honest one."""
    values = (value for data in (request.GET, request.POST) for _, listed in data.lists() for value in listed)
    return "\x00" in request.path or any("\x00" in str(value) for value in values)


def _refused(request: HttpRequest, refusal: DomainError, status: int) -> HttpResponse:
    template = "trouble.html" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else f"{status}.html"
    return render(request, template, {"sentence": str(refusal)}, status=status)
