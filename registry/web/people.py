"""People and what they may do: accounts made, roles granted and revoked, each with its grounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from registry import logins, policies, selectors
from registry.errors import BadInput, DomainError, NotAllowed
from registry.keyset import Order, keyset
from registry.services import accounts, invitations, people
from registry.services.erasure import erase_words
from registry.transactions import write
from registry.web import drafts, freshness
from registry.web.drafts import Written
from registry.web.pages import PersonRequest, action, page

if TYPE_CHECKING:
    from registry.models import Person

PAGE_SIZE = 50
DEEDS: dict[str, Callable[..., None]] = {"grant": people.grant, "revoke": people.revoke}
STANDING: dict[str, Callable[..., None]] = {
    "deactivate": accounts.deactivate,
    "reactivate": accounts.reactivate,
}
TOLD = {
    "deactivate": "The account is out of use. Its sessions, tokens and roles have ended.",
    "reactivate": "The account is in use again. Grant the roles that it shall have.",
}


class AccountForm(forms.Form):
    """A new account. Its person chooses the password, by a link."""

    name = forms.CharField(max_length=150, label="Name to log in with")
    email = forms.EmailField(required=False, label="Mail address")


@page
def everybody(request: PersonRequest) -> HttpResponseBase:
    """All accounts."""
    _require_sight(request)
    return _list(request, AccountForm(drafts.take(request, request.path) or None))


@page
def person(request: PersonRequest, name: str) -> HttpResponseBase:
    """One account and its roles."""
    _require_sight(request)
    return _one(request, name, drafts.take(request, request.path))


def _made(request: PersonRequest) -> Written:
    return Written(reverse("people"), {key: request.POST.get(key, "") for key in ("name", "email")})


@action(_made)
def make(request: PersonRequest) -> HttpResponseBase:
    """A new account; its link is in the answer and nowhere else."""
    if not freshness.is_fresh(request):
        return freshness.ask_again(request, _made(request))
    form = AccountForm(request.POST)
    if not form.is_valid():
        _require_sight(request)
        return _list(request, form, status=422)
    try:
        with write():
            made = people.create_person(
                form.cleaned_data["name"], email=form.cleaned_data["email"], password=None, by=request.user
            )
            return _linked(request, made)
    except (NotAllowed, BadInput) as refusal:
        raise refusal
    except DomainError as refusal:
        form.add_error("name", str(refusal))
        return _list(request, form, status=409)


@action(lambda request, name: Written(reverse("person", args=[name])))
def link(request: PersonRequest, name: str) -> HttpResponseBase:
    """Another link for who lost the password, or let the first one lapse."""
    if not freshness.is_fresh(request):
        return freshness.ask_again(request, Written(reverse("person", args=[name])))
    _require_sight(request)
    return _linked(request, selectors.person(name))


def _linked(request: PersonRequest, found: Person) -> HttpResponse:
    text = invitations.invite(found, by=request.user)
    response = _one(request, found.username, {}, link=welcome_address(request, text))
    response["Cache-Control"] = "no-store"
    return response


def welcome_address(request: PersonRequest, text: str) -> str:
    """Where the link leads, as the person will follow it."""
    return request.build_absolute_uri(reverse("welcome", args=[text]))


def _changed(request: PersonRequest, name: str, verb: str) -> Written:
    words = {key: request.POST.get(key, "") for key in ("role", "model", "grounds")}
    return Written(reverse("person", args=[name]), words | {"verb": verb})


@action(_changed)
def change(request: PersonRequest, name: str, verb: str) -> HttpResponseBase:
    """Grant a role, or revoke one."""
    written = _changed(request, name, verb)
    if not freshness.is_fresh(request):
        return freshness.ask_again(request, written)
    said = written.words
    model = selectors.model(said["model"], request.user) if said["model"] else None
    try:
        DEEDS[verb](
            selectors.person(name),
            said["role"],
            model=model,
            by=request.user,
            why=said["grounds"],
        )
    except BadInput as refusal:
        return _one(request, name, said, status=422, refusal=refusal)
    told = f"{said['role'].replace('_', ' ')} on {model or 'all models'}"
    messages.info(request, f"{'Granted' if verb == 'grant' else 'Revoked'}: {told}.")
    return redirect("person", name=name)


def _ended(request: PersonRequest, name: str, verb: str = "erase") -> Written:
    return Written(reverse("person", args=[name]), {"grounds": request.POST.get("grounds", ""), "verb": verb})


@action(_ended)
def standing(request: PersonRequest, name: str, verb: str) -> HttpResponseBase:
    """Take an account out of use, or put it into use again."""
    return _confirmed(request, name, verb, lambda found, why: _stand(request, found, verb, why))


def _stand(request: PersonRequest, found: Person, verb: str, why: str) -> str:
    STANDING[verb](found, by=request.user, why=why)
    return TOLD[verb]


@action(_ended)
def erase(request: PersonRequest, name: str) -> HttpResponseBase:
    """Erase what the person wrote as grounds, for good."""
    return _confirmed(request, name, "erase", lambda found, why: _erased(request, found, why))


def _erased(request: PersonRequest, found: Person, why: str) -> str:
    count = erase_words(found, grounds=why, by=request.user)
    return f"{count} {'text is' if count == 1 else 'texts are'} erased. The log says so, and its chain holds."


def _confirmed(
    request: PersonRequest, name: str, verb: str, deed: Callable[[Person, str], str]
) -> HttpResponseBase:
    """What cannot be undone wants a fresh password, the name typed, and grounds."""
    if not freshness.is_fresh(request):
        return freshness.ask_again(request, _ended(request, name, verb))
    _require_sight(request)
    found = selectors.person(name, gone_too=True)
    said = _ended(request, name, verb).words
    try:
        if verb != "reactivate" and request.POST.get("typed", "").strip() != name:
            raise BadInput(f"Type the name {name} to confirm.", field="typed")
        messages.info(request, deed(found, said["grounds"]))
    except BadInput as refusal:
        return _one(request, name, said, status=422, refusal=refusal)
    return redirect("person", name=name)


def _require_sight(request: PersonRequest) -> None:
    if reason := policies.refuse_people(selectors.installation_access(request.user)):
        raise NotAllowed(reason)


def _list(request: PersonRequest, form: AccountForm, status: int = 200) -> HttpResponse:
    found = selectors.people(request.GET.get("search", "").strip())
    part = keyset(found, Order("username"), request.GET.get("cursor", ""), PAGE_SIZE)
    context = {"people": part.rows, "page": part, "count": found.count(), "form": form, **_may(request)}
    return render(request, "registry/people/page.html", context, status=status)


def _one(
    request: PersonRequest, name: str, draft: dict[str, str], *, status: int = 200, **more: object
) -> HttpResponse:
    found = selectors.person(name, gone_too=True)
    context = {
        "person": found,
        "is_last": logins.is_last_administrator(found),
        "held": found.memberships.select_related("model").order_by("model__name", "role"),
        "roles": [(role, role.replace("_", " ")) for role in policies.VIEWERS],
        "models": selectors.visible_models(request.user).only("name", "title"),
        "draft": draft,
        **_may(request),
        **more,
    }
    return render(request, "registry/person/page.html", context, status=status)


def _may(request: PersonRequest) -> dict[str, str]:
    asker = selectors.installation_access(request.user)
    return {"grant_refusal": policies.refuse_grant(asker), "erase_refusal": policies.refuse_erasure(asker)}
