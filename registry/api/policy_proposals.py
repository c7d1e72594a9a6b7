"""A model's policy is changed by two people: proposed by an admin, confirmed or rejected by an approver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import model_policy, selectors
from registry.api.asking import PersonRequest, Strict, body, query
from registry.api.idempotency import idempotent
from registry.api.paging import PageQuery, page_of, paged
from registry.api.permissions import LoggedIn, require_fresh_login
from registry.keyset import NEWEST_FIRST
from registry.services import policy_changes

OPEN = "open"

if TYPE_CHECKING:
    from registry import models


class NewPolicyProposal(Strict):
    """The body of `POST /models/{model}/policy-proposals`.

    `policy` is whole: what it leaves out takes its default. `based_on` is the model's `policy_digest`.
    """

    example = {
        "policy": {"slots": ["technical", "approval"], "benchmark": {"any": {"p99_ms": 20}}},
        "based_on": "5e1f7d3c",
        "grounds": "the night batch needs it",
    }

    policy = serializers.DictField()
    based_on = serializers.CharField(max_length=64)
    grounds = serializers.CharField(max_length=10_000)


class PolicyDecision(Strict):
    """The body of a decision."""

    example = {"grounds": "the figures of last night bear it out"}

    grounds = serializers.CharField(max_length=10_000)


class PolicyChangeShape(serializers.Serializer[object]):
    """One thing that differs, by its dotted name; null: the policy does not say it."""

    field = serializers.CharField()
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)


class PolicyProposalLine(serializers.Serializer[object]):
    """A proposal in a list: `state` is open, confirmed, rejected or withdrawn."""

    id = serializers.IntegerField(source="pk")
    model = serializers.CharField(source="model.name")
    state = serializers.SerializerMethodField()
    changes = serializers.SerializerMethodField()
    proposed_by = serializers.CharField(source="proposed_by.username")
    proposed_at = serializers.DateTimeField()
    grounds = serializers.CharField(source="grounds.__str__")
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decision_grounds = serializers.CharField(source="decision_grounds.__str__", default=None, allow_null=True)
    url = serializers.SerializerMethodField()

    def get_state(self, proposal: models.PolicyProposal) -> str:
        return str(proposal.decision or OPEN)

    @extend_schema_field(PolicyChangeShape(many=True))
    def get_changes(self, proposal: models.PolicyProposal) -> list[dict[str, object]]:
        old, new = (model_policy.parse(said) for said in (proposal.old_policy, proposal.new_policy))
        return [dict(PolicyChangeShape(change).data) for change in model_policy.changes(old, new)]

    def get_url(self, proposal: models.PolicyProposal) -> str:
        return f"/api/v1/models/{proposal.model.name}/policy-proposals/{proposal.pk}"


class PolicyProposalShape(PolicyProposalLine):
    """A proposal with both policies.

    `actions` are open to whoever asks; `refused` says why the others are not.
    """

    old_policy = serializers.DictField()
    new_policy = serializers.DictField()
    actions = serializers.SerializerMethodField()
    refused = serializers.SerializerMethodField()

    def get_actions(self, proposal: models.PolicyProposal) -> list[str]:
        choices = selectors.policy_choices(proposal, self.context["access"])
        return [action for action, reason in choices.items() if not reason]

    def get_refused(self, proposal: models.PolicyProposal) -> dict[str, str]:
        choices = selectors.policy_choices(proposal, self.context["access"])
        return {action: reason for action, reason in choices.items() if reason}


class PolicyProposals(APIView):
    """The changes of a model's policy that were asked for; one of them at most is open."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="policy_proposals_list", parameters=[PageQuery], responses=page_of(PolicyProposalLine)
    )
    def get(self, request: PersonRequest, model: str) -> Response:
        """Newest first, decided ones too, each with who, when and why."""
        query(PageQuery, request)
        rows = selectors.policy_proposals(selectors.model(model, request.user, request.auth))
        return paged(request, rows, PolicyProposalLine, order=NEWEST_FIRST)

    @extend_schema(
        operation_id="policy_proposals_create",
        request=NewPolicyProposal,
        responses={201: PolicyProposalShape},
    )
    @idempotent()
    def post(self, request: PersonRequest, model: str) -> Response:
        """Ask for another policy, as an admin with a fresh log-in.

        409 where the policy has changed since it was read, or another change waits for a decision.
        """
        found = selectors.model(model, request.user, request.auth)
        require_fresh_login(request)
        asked = body(NewPolicyProposal, request)
        made = policy_changes.propose_policy(found, by=request.user, token=request.auth, **asked)
        return shown(made, request, 201)


class PolicyProposal(APIView):
    """One proposal."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="policy_proposals_read", responses=PolicyProposalShape)
    def get(self, request: PersonRequest, model: str, pk: int) -> Response:
        """Both policies, what differs, who asked and decided, and what whoever asks may do."""
        return shown(_proposal(request, model, pk), request)


class PolicyActions(APIView):
    """Decisions on a proposal. A machine decides nothing."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="policy_actions_create",
        request=PolicyDecision,
        responses={200: PolicyProposalShape},
    )
    @idempotent()
    def post(self, request: PersonRequest, model: str, pk: int, action: str) -> Response:
        """`confirm` and `reject` are for an approver who did not propose it, `withdraw` for who did."""
        found = _proposal(request, model, pk)
        require_fresh_login(request)
        asked = body(PolicyDecision, request)
        decided = policy_changes.decide_policy(found, action, by=request.user, token=request.auth, **asked)
        return shown(decided, request)


def _proposal(request: PersonRequest, model: str, pk: int) -> models.PolicyProposal:
    return selectors.policy_proposal(selectors.model(model, request.user, request.auth), pk)


def shown(proposal: models.PolicyProposal, request: PersonRequest, status: int = 200) -> Response:
    """The proposal as whoever asks may see it."""
    access = selectors.access(request.user, request.auth, proposal.model)
    answer = PolicyProposalShape(proposal, context={"access": access}).data
    return Response(answer, status=status, headers={"Location": answer["url"]} if status == 201 else None)
