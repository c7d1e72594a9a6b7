"""Where a link leads that opens an account once: the first of an installation, or a person's own."""

from __future__ import annotations

from django import forms
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from registry import selectors
from registry.errors import BadInput, DomainError, NotFound
from registry.services.invitations import accept
from registry.web import freshness


class WelcomeForm(forms.Form):
    """A name, where it is the first account, and a password."""

    name = forms.CharField(max_length=150, label="Name to log in with", required=False)
    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters, and not one that everybody uses.",
    )
    again = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), label="Once more"
    )

    def clean(self) -> dict[str, object]:
        said = super().clean() or {}
        if said.get("password") and said.get("again") and said["password"] != said["again"]:
            self.add_error("again", "The two passwords differ.")
        return said


@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest, secret: str) -> HttpResponse:
    """Nobody has to be logged in here: the link is what one has."""
    form = WelcomeForm(request.POST or None)
    try:
        invitation = selectors.invitation(secret)
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            person = accept(secret, username=said["name"], password=said["password"])
            login(request, person)
            freshness.mark(request)
            return redirect("people" if invitation.person_id is None else "models")
    except NotFound as refusal:
        return render(request, "404.html", {"sentence": str(refusal)}, status=404)
    except BadInput as refusal:
        form.add_error(str(refusal.facts.get("field", "")) or None, str(refusal))
    except DomainError as refusal:
        form.add_error("name", str(refusal))
    context = {"form": form, "person": invitation.person}
    response = render(request, "registry/sessions/welcome.html", context, status=422 if form.errors else 200)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
