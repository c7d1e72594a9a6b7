"""A model's policy: what it says, the change that is proposed, and every change that was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from registry import log_words, model_policy
from registry import policies as registry_policies
from registry import selectors as registry_selectors
from registry.errors import BadInput, DomainError
from registry.principals import Access
from registry.selectors import access
from registry.services import policy_changes
from registry.web import drafts, freshness
from registry.web.drafts import Written
from registry.web.pages import PersonRequest, action, page
from releases.web import policy_words, sentences
from releases.web.policy import lists
from releases.web.policy.form import PolicyForm
from releases.web.roster import Member, members, names_with

if TYPE_CHECKING:
    from django.forms import BoundField

    from registry.models import Person, PolicyProposal, RegisteredModel

TOLD_CHANGES = 50
"""Policies change a few times a year."""


@dataclass(frozen=True, slots=True)
class Button:
    """One decision as a button: what it is called and what it says before it acts."""

    action: str
    label: str
    icon: str
    tone: str
    warning: str


_CONFIRMED = (
    "Releases that are submitted from now on go by the new policy. Those that are submitted already, and"
    " what is live, keep theirs."
)
BUTTONS = (
    Button("confirm", "Confirm the change", "check", "primary", _CONFIRMED),
    Button("reject", "Reject the change", "cross", "danger", "The policy stays as it is."),
    Button("withdraw", "Withdraw the proposal", "ban", "quiet", "The policy stays as it is."),
)


@dataclass(frozen=True, slots=True)
class Proposed:
    """The open proposal as one reader sees it: what differs, their buttons, who decides and why not they."""

    row: PolicyProposal
    differences: list[policy_words.Difference]
    buttons: list[Button]
    deciders: list[str]
    refusal: str


@dataclass(frozen=True, slots=True)
class Change:
    """How one reader asks for another policy, or why they may not and which others may.

    kept  the form holds what they have written and nobody has taken
    """

    form: PolicyForm
    kept: bool
    refusal: str
    admins: list[str]

    @property
    def wrong(self) -> list[BoundField]:
        """The fields that cannot be taken as they are filled in."""
        return [field for field in self.form if field.errors]


@page
def policy(request: PersonRequest, name: str) -> HttpResponseBase:
    """The whole page."""
    found = registry_selectors.model(name, request.user)
    draft = drafts.take(request, reverse("policy", args=[name]))
    form = _form(found, QueryDict(draft["form"])) if "form" in draft else None
    return render(request, "releases/policy/page.html", context(request, found, form, draft))


DECIDED = {
    "confirm": "Confirmed. Releases that are submitted from now on must pass the new policy.",
    "reject": "Rejected. The policy stays as it is.",
    "withdraw": "Withdrawn. The policy stays as it is.",
}


def _proposed(request: PersonRequest, name: str) -> Written:
    return Written(reverse("policy", args=[name]), {"form": drafts.whole_form(request)})


@action(_proposed)
def propose(request: PersonRequest, name: str) -> HttpResponseBase:
    """Ask for another policy."""
    found = registry_selectors.model(name, request.user)
    if not freshness.is_fresh(request):
        return freshness.ask_again(request, _proposed(request, name))
    form = _form(found, request.POST)
    try:
        _propose(found, form, request.user)
    except BadInput as refusal:
        form.refuse(refusal)
        return _again(request, found, refusal, form=form)
    except DomainError as refusal:
        return _again(request, found, refusal, form=form)
    messages.info(request, "Proposed. It counts once a second person has confirmed it.")
    return redirect("policy", name=name)


def _decided(request: PersonRequest, name: str, pk: int, verb: str) -> Written:
    said = {"action": verb, "grounds": request.POST.get("grounds", "")}
    return Written(reverse("policy", args=[name]), said)


@action(_decided)
def decide(request: PersonRequest, name: str, pk: int, verb: str) -> HttpResponseBase:
    """Confirm, reject or withdraw."""
    found = registry_selectors.model(name, request.user)
    proposal = registry_selectors.policy_proposal(found, pk)
    written = _decided(request, name, pk, verb)
    if not freshness.is_fresh(request):
        return freshness.ask_again(request, written)
    try:
        policy_changes.decide_policy(proposal, verb, grounds=written.words["grounds"], by=request.user)
    except DomainError as refusal:
        return _again(request, found, refusal, draft=written.words)
    messages.info(request, DECIDED[verb])
    return redirect("policy", name=name)


def _propose(found: RegisteredModel, form: PolicyForm, by: Person) -> None:
    if not form.is_valid():
        raise BadInput("Something that you wrote cannot be taken: it is said beside it.")
    policy_changes.propose_policy(
        found,
        policy=form.document(),
        based_on=form.cleaned_data["based_on"],
        grounds=form.cleaned_data["grounds"],
        by=by,
    )


def _again(
    request: PersonRequest,
    found: RegisteredModel,
    refusal: DomainError,
    *,
    form: PolicyForm | None = None,
    draft: dict[str, str] | None = None,
) -> HttpResponse:
    """The same page with the reason and with what was written."""
    found.refresh_from_db()
    shown = context(request, found, form, draft or {}) | {"refusal": refusal}
    status = 422 if isinstance(refusal, BadInput) else 409
    return render(request, "releases/policy/page.html", shown, status=status)


def _form(found: RegisteredModel, data: QueryDict | None = None) -> PolicyForm:
    stands = model_policy.parse(found.policy)
    return PolicyForm(stands, registry_selectors.policy_digest(found), data)


def context(
    request: PersonRequest, found: RegisteredModel, form: PolicyForm | None, draft: dict[str, str]
) -> dict[str, Any]:
    """Everything that the page shows; `form` and `draft` are what was written and not taken."""
    asker = access(request.user, None, found)
    people = members(found)
    shown = proposed(found, asker, people)
    wanted = f"do-{draft.get('action', '')}"
    stands = model_policy.parse(found.policy)
    return {
        "model": found,
        "rules": policy_words.rules(stands),
        "lists": lists.saved(stands),
        "proposed": shown,
        "change": Change(
            form or _form(found),
            form is not None,
            registry_policies.refuse_policy_proposal(asker),
            names_with("admin", people),
        ),
        "draft": draft,
        "reopen": wanted if shown and wanted in {f"do-{b.action}" for b in shown.buttons} else "",
        "history": history(found),
    }


def proposed(found: RegisteredModel, asker: Access, people: list[Member]) -> Proposed | None:
    """The open change, if there is one."""
    row = registry_selectors.open_policy_proposal(found)
    if row is None:
        return None
    choices = registry_selectors.policy_choices(row, asker)
    approvers = names_with("approver", people)
    return Proposed(
        row,
        policy_words.differences(row.old_policy, row.new_policy),
        [button for button in BUTTONS if not choices[button.action]],
        [name for name in approvers if name != row.proposed_by.get_username()],
        choices["confirm"],
    )


def history(found: RegisteredModel) -> list[sentences.Entry]:
    """Who changed the policy or tried to, when and why, newest first."""
    told = registry_selectors.timeline([f"model/{found.name}"])
    told = told.filter(kind__startswith="policy.") | told.filter(kind="model.created")
    events = list(told.order_by("-seq")[:TOLD_CHANGES])[::-1]
    said = [event.facts["grounds"] for event in events if "grounds" in event.facts]
    names = log_words.names(event.actor for event in events)
    return sentences.entries(events, registry_selectors.words(said), names)
