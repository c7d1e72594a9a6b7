"""One account: its roles granted and revoked, its link, its standing, its words, each with its grounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from registry import logins, policies, selectors
from registry.errors import BadInput
from registry.services import accounts, invitations, people
from registry.services.erasure import erase_words
from registry.web import drafts, freshness
from registry.web.drafts import Written
from registry.web.pages import PersonRequest, action, page
from registry.web.people.sight import refused, require_sight

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from registry.models import Membership, Person, RegisteredModel

DEEDS: dict[str, Callable[..., None]] = {"grant": people.grant, "revoke": people.revoke}
STANDING: dict[str, Callable[..., None]] = {
    "deactivate": accounts.deactivate,
    "reactivate": accounts.reactivate,
}
TOLD = {
    "deactivate": "The account is out of use. Its sessions, tokens and roles have ended.",
    "reactivate": "The account is in use again. Grant the roles that it shall have.",
}


@dataclass(frozen=True, slots=True)
class Roles:
    """Those that somebody holds, and those that can be granted, on which models."""

    held: QuerySet[Membership]
    offered: list[tuple[str, str]]
    models: QuerySet[RegisteredModel]


@page
def person(request: PersonRequest, name: str) -> HttpResponseBase:
    """One account and its roles."""
    require_sight(request)
    return _one(request, name, drafts.take(request, request.path))


@action(lambda request, name: Written(reverse("person", args=[name])))
def link(request: PersonRequest, name: str) -> HttpResponseBase:
    """Another link for who lost the password, or let the first one lapse."""
    if not freshness.is_fresh(request):
        return freshness.ask_again(request, Written(reverse("person", args=[name])))
    require_sight(request)
    return linked(request, selectors.person(name))


def linked(request: PersonRequest, found: Person) -> HttpResponse:
    """The page of the account with a new link; it is in this answer and nowhere else."""
    text = invitations.invite(found, by=request.user)
    address = request.build_absolute_uri(reverse("welcome", args=[text]))
    response = _one(request, found.username, {}, link=address)
    response["Cache-Control"] = "no-store"
    return response


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
    require_sight(request)
    found = selectors.person(name, gone_too=True)
    said = _ended(request, name, verb).words
    try:
        if verb != "reactivate" and request.POST.get("typed", "").strip() != name:
            raise BadInput(f"Type the name {name} to confirm.", field="typed")
        messages.info(request, deed(found, said["grounds"]))
    except BadInput as refusal:
        return _one(request, name, said, status=422, refusal=refusal)
    return redirect("person", name=name)


def _one(
    request: PersonRequest,
    name: str,
    draft: dict[str, str],
    *,
    status: int = 200,
    link: str = "",
    refusal: BadInput | None = None,
) -> HttpResponse:
    found = selectors.person(name, gone_too=True)
    context = {
        "person": found,
        "is_last": logins.is_last_administrator(found),
        "roles": Roles(
            found.memberships.select_related("model").order_by("model__name", "role"),
            [(role, role.replace("_", " ")) for role in policies.VIEWERS],
            selectors.visible_models(request.user).only("name", "title"),
        ),
        "refused": refused(request),
        "draft": draft,
        "link": link,
        "refusal": refusal,
    }
    return render(request, "registry/person/page.html", context, status=status)
