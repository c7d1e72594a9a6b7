"""A person's own tokens: made, shown once, revoked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.forms.utils import flatatt
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry import selectors
from registry.errors import DomainError
from registry.policies import carried
from registry.services.tokens import create_token, revoke_token
from registry.web import drafts
from registry.web.drafts import Written
from registry.web.pages import PersonRequest, action, form_page

if TYPE_CHECKING:
    from django.forms.renderers import BaseRenderer

    from registry.models import Person, RegisteredModel

SCOPES = [
    ("upload", "upload: register versions and their files"),
    ("read", "read: facts and files of versions, held-out sets too"),
    ("score", "score: ask for predictions of what is released"),
    ("score-version", "score-version: ask a version by its number"),
    ("feedback", "feedback: send rewards and labels"),
    ("release", "release: open releases (never approve them)"),
    ("audit-read", "audit-read: read the event log"),
]
LIFETIMES = [
    ("7", "7 days"),
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "a year"),
    ("", "does not expire"),
]


class Names(forms.SelectMultiple):
    """A choice among many names, each its own label: a template for every option would take the most of
    the page's time."""

    def render(
        self,
        name: str,
        value: Iterable[object] | None,
        attrs: dict[str, object] | None = None,
        renderer: BaseRenderer | None = None,
    ) -> SafeString:
        chosen = {str(one) for one in value or ()}
        options = format_html_join(
            "\n",
            '<option value="{}"{}>{}</option>',
            ((str(one), " selected" if str(one) in chosen else "", label) for one, label in self.choices),
        )
        own = flatatt(self.build_attrs(self.attrs, {**(attrs or {}), "name": name, "multiple": True}))
        return format_html("<select{}>\n{}\n</select>", own, options)


class Offered(forms.MultipleChoiceField):
    """Shows what can be chosen; why something else is refused is for the service to say."""

    def valid_value(self, value: object) -> bool:
        return True


class TokenForm(forms.Form):
    """What a new token is for, and how long."""

    name = forms.CharField(
        max_length=80,
        label="What it is for",
        widget=forms.TextInput(attrs={"placeholder": "fraud pipeline, nightly"}),
    )
    scopes = Offered(
        label="What it may do",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    models: forms.ModelMultipleChoiceField[RegisteredModel] = forms.ModelMultipleChoiceField(
        queryset=None,
        required=False,
        widget=Names,
        label="On which models",
        to_field_name="name",
        help_text="None chosen means all models. Hold Ctrl or Cmd to choose several.",
    )
    days = forms.ChoiceField(choices=LIFETIMES, required=False, initial="90", label="Expires after")

    def __init__(self, asker: Person, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given = carried(selectors.access(asker).roles)
        self.fields["scopes"].choices = [(scope, says) for scope, says in SCOPES if scope in given]  # type: ignore[attr-defined]
        self.fields["models"].queryset = selectors.visible_models(asker).only("name", "title")  # type: ignore[attr-defined]

    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=int(days)) if days else None


def _asked(request: PersonRequest) -> Written:
    return Written(reverse("tokens"), {"form": drafts.whole_form(request)})


@form_page(_asked)
def tokens(request: PersonRequest) -> HttpResponse:
    """The list of one's tokens and the form for a new one; the answer to the form holds the secret once."""
    if request.method == "GET":
        draft = drafts.take(request, request.path)
        return _show(request, TokenForm(request.user, QueryDict(draft["form"]) if draft else None))
    form = TokenForm(request.user, request.POST)
    if not form.is_valid():
        return _show(request, form, status=422)
    try:
        made, secret = create_token(
            form.cleaned_data["name"],
            owner=request.user,
            by=request.user,
            scopes=form.cleaned_data["scopes"],
            models=list(form.cleaned_data["models"]) or None,
            expires_at=form.expires_at(),
        )
    except DomainError as refusal:
        return _show(request, form, status=409, refusal=str(refusal))
    response = _show(request, TokenForm(request.user), made=made, secret=secret)
    response["Cache-Control"] = "no-store"
    return response


@action(lambda request, pk: Written(reverse("tokens")))
def revoke(request: PersonRequest, pk: int) -> HttpResponseBase:
    """End a token now."""
    token = revoke_token(selectors.token_of(request.user, pk), by=request.user)
    messages.info(request, f"Token “{token.name}” is revoked. Nodes stop taking it within a second.")
    return redirect("tokens")


def _show(request: PersonRequest, form: TokenForm, status: int = 200, **more: object) -> HttpResponse:
    context = {"form": form, "tokens": selectors.tokens_of(request.user), "now": timezone.now(), **more}
    return render(request, "registry/tokens/page.html", context, status=status)
