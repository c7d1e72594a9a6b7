"""A model's policy is changed by two people: an admin proposes, an approver confirms or rejects.

Each step is a row and an event in one transaction. Releases keep the policy they were submitted under;
the new one counts for those that are submitted after the confirmation.
"""

from __future__ import annotations

from django.utils import timezone

from registry import model_policy, policies, selectors
from registry.errors import BadInput, NotAllowed, NotFound, ProposalDecided, ProposalOpen, StalePolicy
from registry.events import Kind, record
from registry.events import grounds as keep_grounds
from registry.models import ApiToken, Grounds, Person, PolicyProposal, RegisteredModel
from registry.principals import Access
from registry.selectors import access
from registry.services.wording import on_grounds
from registry.transactions import write

Decision = PolicyProposal.Decision
DECISIONS = {"confirm": Decision.CONFIRMED, "reject": Decision.REJECTED, "withdraw": Decision.WITHDRAWN}


def propose_policy(
    model: RegisteredModel,
    *,
    policy: object,
    based_on: str,
    grounds: str,
    by: Person,
    token: ApiToken | None = None,
) -> PolicyProposal:
    """Ask for another policy; it counts once a second person has confirmed it.

    `policy` is the whole new policy: what it leaves out takes its default. `based_on` is the digest of the
    one that the proposer has read (`selectors.policy_digest`).
    Raises NotAllowed, BadInput naming the field, StalePolicy, ProposalOpen.
    """
    if reason := policies.refuse_policy_proposal(access(by, token, model)):
        raise NotAllowed(reason)
    wanted, words = model_policy.judge(policy), on_grounds(grounds)
    with write():
        model = RegisteredModel.objects.get(pk=model.pk)
        _check_proposal(model, wanted, based_on)
        kept = keep_grounds(words, by)
        proposal = PolicyProposal.objects.create(
            model=model,
            old_policy=model.policy,
            new_policy=wanted.to_json(),
            proposed_by=by,
            grounds=kept,
        )
        _record(Kind.POLICY_PROPOSED, proposal, by, kept)
        return proposal


def decide_policy(
    proposal: PolicyProposal, action: str, *, grounds: str, by: Person, token: ApiToken | None = None
) -> PolicyProposal:
    """Confirm, reject or withdraw. A confirmation makes the proposed policy the model's.

    Raises NotFound for another action, NotAllowed, BadInput, ProposalDecided when somebody was faster, and
    StalePolicy where what would be confirmed is based on a policy that is gone.
    """
    if action not in DECISIONS:
        raise NotFound(f"There is no action {action!r}: there are {', '.join(DECISIONS)}.")
    words = on_grounds(grounds)
    with write():
        row = selectors.policy_proposal(proposal.model, proposal.pk)
        _check_decision(row, action, access(by, token, row.model))
        row.decision, row.decided_by, row.decided_at = DECISIONS[action], by, timezone.now()
        row.decision_grounds = kept = keep_grounds(words, by)
        row.save(update_fields=["decision", "decided_by", "decided_at", "decision_grounds"])
        if row.decision == Decision.CONFIRMED:
            RegisteredModel.objects.filter(pk=row.model_id).update(policy=row.new_policy)
        _record(Kind(f"policy.{row.decision}"), row, by, kept)
        return row


def _check_proposal(model: RegisteredModel, wanted: model_policy.ModelPolicy, based_on: str) -> None:
    if selectors.policy_digest(model) != based_on:
        raise StalePolicy("The policy has changed since you read it: read it again, then propose.")
    if not model_policy.changes(model_policy.parse(model.policy), wanted):
        raise BadInput("This is the policy as it stands: change something.", field="policy")
    if known := selectors.open_policy_proposal(model):
        raise ProposalOpen(
            f"{known.proposed_by} has proposed a change that is not decided yet: one at a time.",
            proposal=known.pk,
        )


def _check_decision(proposal: PolicyProposal, action: str, asker: Access) -> None:
    if reason := policies.refuse_policy_action(action, asker, proposal.proposed_by.username):
        raise NotAllowed(reason)
    if not proposal.is_open:
        raise ProposalDecided(f"This proposal was {proposal.decision} by {proposal.decided_by} already.")
    if action == "confirm" and proposal.model.policy != proposal.old_policy:
        raise StalePolicy("The policy has changed since this was proposed: reject it, and propose anew.")


def _record(kind: Kind, proposal: PolicyProposal, by: Person, kept: Grounds) -> None:
    """With both policies whole: the log alone shows what counted when."""
    record(
        kind,
        f"model/{proposal.model.name}",
        actor=by.actor,
        model=proposal.model.name,
        proposal=proposal.pk,
        proposed_by=proposal.proposed_by.actor,
        old=proposal.old_policy,
        new=proposal.new_policy,
        grounds=kept.digest,
    )
