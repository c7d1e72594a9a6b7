"""Logging in and out, typing the password again, forms that were open too long, and the theme."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.contrib.auth import views as auth_views
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from registry.services import attempts
from registry.web import drafts, freshness
from registry.web.forms import LogInForm, PasswordAgainForm
from registry.web.pages import form_page, log_in_first, written_by
from scoring.crashpoints import crashpoint

if TYPE_CHECKING:
    from django.contrib.auth.forms import AuthenticationForm

THEMES = ("auto", "light", "dark")
AGAIN = "registry/sessions/log_in_again.html"
KEPT = "The page was open too long, so nothing was changed. What you wrote is kept: send it again."


class LogIn(auth_views.LoginView):
    """The log-in page, and the dialog of a page whose session has ended; throttled by its form."""

    template_name = "registry/sessions/log_in.html"
    authentication_form = LogInForm
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        # Somebody has logged in meanwhile, in another tab.
        if request.user.is_authenticated and request.htmx:  # type: ignore[attr-defined]
            return _known_again(request)
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        """The words that are carried stay with the form when the password was wrong."""
        return super().get_context_data(**kwargs) | {"written": drafts.unpacked(self.request)}

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        freshness.mark(self.request)
        crashpoint("login.taken")
        if self.request.htmx:  # type: ignore[attr-defined]
            return _known_again(self.request)
        if written := drafts.unpacked(self.request):
            drafts.keep(self.request, written)
            return redirect(written.place)
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        if self.request.htmx:  # type: ignore[attr-defined]
            return render(self.request, AGAIN, {"form": form}, status=422)
        response: HttpResponse = super().form_invalid(form)
        response.status_code = 422
        if form.has_error("__all__", "throttled"):
            response.status_code = 429
            response["Retry-After"] = str(attempts.WINDOW_S)
        return response


def _known_again(request: HttpRequest) -> HttpResponse:
    told = {"person": request.user.get_username(), "token": get_token(request)}
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"assay:known": told})})


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form with a token that is no longer the cookie's, as after logging in elsewhere.

    Words are kept where the browser says that they come from a page of ours, and only there.
    """
    if request.htmx:  # type: ignore[attr-defined]
        told = json.dumps({"assay:renewed": {"token": get_token(request)}})
        return HttpResponse(status=403, headers={"HX-Trigger": told})
    written = (written_by(request) or drafts.unpacked(request)) if _from_here(request) else None
    if written is None:
        return render(request, "403_csrf.html", status=403)
    if not request.user.is_authenticated:
        return log_in_first(request, written)
    drafts.keep(request, written)
    messages.info(request, KEPT)
    return redirect(written.place)


def _from_here(request: HttpRequest) -> bool:
    origin = request.headers.get("Origin", "")
    return origin == f"{request.scheme}://{request.get_host()}" or origin in settings.CSRF_TRUSTED_ORIGINS


@form_page(
    lambda request: drafts.Written(f"{reverse('reauthenticate')}?{urlencode({'next': next_page(request)})}")
)
def reauthenticate(request: HttpRequest) -> HttpResponse:
    """Type the password again, then go on where one was."""
    form = PasswordAgainForm(request, request.POST or None)
    if request.method == "POST" and form.is_valid():
        return redirect(next_page(request))
    status = 422 if form.errors else 200
    return render(
        request,
        "registry/sessions/reauthenticate.html",
        {"form": form, "next": next_page(request)},
        status=status,
    )


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen theme in a cookie, so that the server can render it."""
    chosen = request.POST.get("theme", "auto")
    response = redirect(next_page(request))
    if chosen in THEMES:
        response.set_cookie("assay_theme", chosen, max_age=31_536_000, samesite="Lax", secure=settings.HTTPS)
    return response


def whose(session_key: str) -> str:
    """The key of the person who is logged in in the session of this key; nothing where nobody is."""
    engine = import_module(settings.SESSION_ENGINE)
    return str(engine.SessionStore(session_key).get(SESSION_KEY, ""))


def next_page(request: HttpRequest) -> str:
    """Where to go on, if it is a page of ours; else the first page."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    return wanted if drafts.is_ours(request, wanted) else "/"
