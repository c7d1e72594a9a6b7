"""What was proposed about a model's policy."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.db.models import QuerySet

from registry import ledger, model_policy, policies
from registry.errors import NotFound
from registry.models import PolicyProposal, RegisteredModel
from registry.principals import Access
from registry.selectors.rights import visible_models

if TYPE_CHECKING:
    from registry.models import Person


def policy_digest(of: RegisteredModel) -> str:
    """SHA-256 of what the model's policy says, however it is stored: what a proposal is based on."""
    said = ledger.canonical(model_policy.parse(of.policy).to_json())
    return hashlib.sha256(said.encode()).hexdigest()


def policy_proposals(of: RegisteredModel) -> QuerySet[PolicyProposal]:
    """Every change of the policy that was ever asked for, newest first."""
    found = PolicyProposal.objects.filter(model=of).order_by("-pk")
    return found.select_related("model", "proposed_by", "grounds", "decided_by", "decision_grounds")


def policy_proposal(of: RegisteredModel, pk: int) -> PolicyProposal:
    """One of them. Raises NotFound."""
    found = policy_proposals(of).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"Model {of.name!r} has no policy proposal {pk}.", model=of.name, proposal=pk)
    return found


def open_policy_proposal(of: RegisteredModel) -> PolicyProposal | None:
    """The one that waits for a decision, if there is one."""
    return policy_proposals(of).filter(decision="").first()


def open_policy_proposals(asker: Person) -> QuerySet[PolicyProposal]:
    """Those that wait for a decision, the longest waiting first, of the models that the asker may see."""
    found = PolicyProposal.objects.filter(model__in=visible_models(asker), decision="")
    return found.select_related("model", "proposed_by").order_by("pk")


def policy_choices(of: PolicyProposal, asker: Access) -> dict[str, str]:
    """What can be done with the proposal, each with the reason why this person may not, or nothing."""
    if not of.is_open:
        return {}
    proposer = of.proposed_by.username
    return {
        action: policies.refuse_policy_action(action, asker, proposer) for action in policies.POLICY_ACTIONS
    }
