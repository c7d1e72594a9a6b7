"""All accounts, and a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django import forms
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from registry import selectors
from registry.errors import BadInput, DomainError, NotAllowed
from registry.keyset import Order, Page, keyset
from registry.services import people
from registry.transactions import write
from registry.web import drafts, freshness
from registry.web.drafts import Written
from registry.web.pages import PersonRequest, action, page
from registry.web.people.person import linked
from registry.web.people.sight import refused, require_sight

if TYPE_CHECKING:
    from registry.models import Person

PAGE_SIZE = 50
"""A house's people on a page or two."""


class AccountForm(forms.Form):
    """A new account. Its person chooses the password, by a link."""

    name = forms.CharField(max_length=150, label="Name to log in with")
    email = forms.EmailField(required=False, label="Mail address")


@dataclass(frozen=True, slots=True)
class Accounts:
    """A part of the accounts that were searched for, and how many there are."""

    part: Page[Person]
    count: int


@page
def everybody(request: PersonRequest) -> HttpResponseBase:
    """All accounts."""
    require_sight(request)
    return _list(request, AccountForm(drafts.take(request, request.path) or None))


def _written(request: PersonRequest) -> Written:
    return Written(reverse("people"), {key: request.POST.get(key, "") for key in ("name", "email")})


@action(_written)
def make(request: PersonRequest) -> HttpResponseBase:
    """A new account; its link is in the answer and nowhere else."""
    if not freshness.is_fresh(request):
        return freshness.ask_again(request, _written(request))
    form = AccountForm(request.POST)
    if not form.is_valid():
        require_sight(request)
        return _list(request, form, status=422)
    try:
        with write():
            made = people.create_person(
                form.cleaned_data["name"], email=form.cleaned_data["email"], password=None, by=request.user
            )
            return linked(request, made)
    except (NotAllowed, BadInput) as refusal:
        raise refusal
    except DomainError as refusal:
        form.add_error("name", str(refusal))
        return _list(request, form, status=409)


def _list(request: PersonRequest, form: AccountForm, status: int = 200) -> HttpResponse:
    found = selectors.people(request.GET.get("search", "").strip())
    part = keyset(found, Order("username"), request.GET.get("cursor", ""), PAGE_SIZE)
    shown = {"accounts": Accounts(part, found.count()), "form": form, "refused": refused(request)}
    return render(request, "registry/people/page.html", shown, status=status)
