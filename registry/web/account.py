"""One's own account: the password, and where one is logged in."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.forms.models import model_to_dict
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from registry import logins, notices
from registry.errors import BadInput
from registry.services import accounts, wishes
from registry.web import freshness
from registry.web.drafts import Written
from registry.web.forms import PasswordTries
from registry.web.pages import PersonRequest, action, form_page


class PasswordForm(PasswordTries):
    """The password that somebody has, and the one that they want, twice."""

    old = forms.CharField(
        strip=False,
        label="The password that you have",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        strip=False,
        label="Another one",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters, and not one that everybody uses.",
    )
    again = forms.CharField(
        strip=False, label="Once more", widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean_old(self) -> str:
        return self.right_password(str(self.cleaned_data["old"]))

    def clean(self) -> dict[str, object]:
        said = super().clean() or {}
        if said.get("new") and said.get("again") and said["new"] != said["again"]:
            self.add_error("again", "The two passwords differ.")
        return said


class WishesForm(forms.Form):
    """What somebody wants to be mailed. What is not ticked is not sent by the browser: it is not wanted."""

    waits = forms.BooleanField(required=False, label="What waits for me to sign, to decide or to start")
    ended = forms.BooleanField(required=False, label="What I opened, started or proposed has ended")
    returned = forms.BooleanField(required=False, label="A model that I registered went back")


def _written(request: PersonRequest, **_: object) -> Written:
    return Written(reverse("account"))


@form_page(_written)
def account(request: PersonRequest) -> HttpResponseBase:
    """What one may change oneself."""
    if request.method == "GET":
        return _show(request, PasswordForm(request))
    form = PasswordForm(request, request.POST)
    if not form.is_valid():
        return _show(request, form, status=422)
    said = form.cleaned_data
    try:
        accounts.change_password(
            request.user, old=said["old"], new=said["new"], here=request.session.session_key or ""
        )
    except BadInput as refusal:
        form.add_error(str(refusal.facts["field"]), str(refusal))
        return _show(request, form, status=422)
    update_session_auth_hash(request, request.user)
    freshness.mark(request)
    messages.info(request, "Your password is another one now. All other browsers are logged out.")
    return redirect("account")


@action(_written)
def choose_mail(request: PersonRequest) -> HttpResponseBase:
    """What one is mailed from now on."""
    form = WishesForm(request.POST)
    form.full_clean()
    wishes.choose(request.user, **form.cleaned_data)
    messages.info(request, "From now on you are mailed what is ticked here, and nothing else.")
    return redirect(reverse("account") + "#told")


@action(_written)
def end_session(request: PersonRequest, identifier: str) -> HttpResponseBase:
    """Log out one browser."""
    accounts.end_session(request.user, identifier)
    messages.info(request, "That browser is logged out.")
    return redirect("account")


@action(_written)
def end_others(request: PersonRequest) -> HttpResponseBase:
    """Log out every browser but this one."""
    ended = accounts.end_other_sessions(request.user, request.session.session_key or "")
    messages.info(request, f"{ended} other {'browser is' if ended == 1 else 'browsers are'} logged out.")
    return redirect("account")


def _show(request: PersonRequest, form: PasswordForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "wishes": WishesForm(initial=model_to_dict(notices.wishes(request.user))),
        "mails": settings.SMTP is not None,
        "sessions": logins.sessions(request.user),
        "here": request.session.session_key,
    }
    return render(request, "registry/account/page.html", context, status=status)
