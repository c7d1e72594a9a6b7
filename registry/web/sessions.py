"""Logging in and out, typing the password again, and the theme."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from registry.web import freshness
from registry.web.forms import LogInForm, PasswordAgainForm
from scoring.crashpoints import crashpoint

THEMES = ("auto", "light", "dark")


class LogIn(auth_views.LoginView):
    """The log-in page; throttled by its form."""

    template_name = "registry/login.html"
    authentication_form = LogInForm
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        freshness.mark(self.request)
        crashpoint("login.taken")
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)
        response.status_code = 429 if form.has_error("__all__", "throttled") else 422
        return response


@login_required
@require_http_methods(["GET", "POST"])
def reauthenticate(request: HttpRequest) -> HttpResponse:
    """Type the password again, then go on where one was."""
    form = PasswordAgainForm(request, request.POST or None)
    if request.method == "POST" and form.is_valid():
        return redirect(next_page(request))
    status = 422 if form.errors else 200
    return render(
        request, "registry/reauthenticate.html", {"form": form, "next": next_page(request)}, status=status
    )


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen theme in a cookie, so that the server can render it."""
    chosen = request.POST.get("theme", "auto")
    response = redirect(next_page(request))
    if chosen in THEMES:
        response.set_cookie("assay_theme", chosen, max_age=31_536_000, samesite="Lax", secure=settings.HTTPS)
    return response


def next_page(request: HttpRequest) -> str:
    """Where to go on, if it is a page of ours; else the first page."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    known = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if known else "/"
