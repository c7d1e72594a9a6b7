"""A person's own tokens: made, shown once, revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from registry import selectors
from registry.errors import DomainError
from registry.services.tokens import create_token, revoke_token
from registry.web import drafts
from registry.web.drafts import Written
from registry.web.pages import PersonRequest, action, form_page
from registry.web.tokens.form import TokenForm

if TYPE_CHECKING:
    from registry.models import ApiToken


@dataclass(frozen=True, slots=True)
class Shown:
    """One token in the list; `standing`: active, expired or revoked."""

    token: ApiToken
    standing: str


@dataclass(frozen=True, slots=True)
class Made:
    """A token that was made just now, with the secret that nobody is shown again."""

    name: str
    secret: str


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
        return _show(request, form, status=409, refusal=refusal)
    response = _show(request, TokenForm(request.user), made=Made(made.name, secret))
    response["Cache-Control"] = "no-store"
    return response


@action(lambda request, pk: Written(reverse("tokens")))
def revoke(request: PersonRequest, pk: int) -> HttpResponseBase:
    """End a token now."""
    token = revoke_token(selectors.token_of(request.user, pk), by=request.user)
    messages.info(request, f"Token “{token.name}” is revoked. Nodes stop taking it within a second.")
    return redirect("tokens")


def _show(
    request: PersonRequest,
    form: TokenForm,
    status: int = 200,
    made: Made | None = None,
    refusal: DomainError | None = None,
) -> HttpResponse:
    now = timezone.now()
    context = {
        "form": form,
        "tokens": [Shown(token, _standing(token, now)) for token in selectors.tokens_of(request.user)],
        "made": made,
        "refusal": refusal,
    }
    return render(request, "registry/tokens/page.html", context, status=status)


def _standing(token: ApiToken, now: datetime) -> str:
    if token.revoked_at:
        return "revoked"
    return "expired" if token.expires_at and token.expires_at < now else "active"
