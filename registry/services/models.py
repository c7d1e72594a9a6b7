"""Registered models: made and described, each change with its event."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from registry import model_policy, policies
from registry.errors import AlreadyExists, BadInput, NotAllowed
from registry.events import Kind, record
from registry.models import ApiToken, Membership, Person, RegisteredModel, Role
from registry.models.catalog import MODEL_NAME
from registry.selectors import access
from registry.transactions import write


def create_model(
    name: str,
    *,
    by: Person,
    token: ApiToken | None = None,
    description: str = "",
    task: str = "",
    policy: Any = None,
) -> RegisteredModel:
    """Register a model; its maker becomes its contributor.

    Raises BadInput for the name or the policy, NotAllowed, AlreadyExists.
    """
    if reason := policies.refuse_model_creation(access(by, token)):
        raise NotAllowed(reason)
    try:
        MODEL_NAME(name)
    except ValidationError as error:
        raise BadInput(error.messages[0], field="name") from None
    rules = model_policy.judge(policy or {})
    with write():
        if RegisteredModel.objects.filter(name=name).exists():
            raise AlreadyExists(f"There is a model {name!r} already.", field="name", model=name)
        model = RegisteredModel.objects.create(
            name=name, description=description, task=task, policy=rules.to_json(), created_by=by
        )
        Membership.objects.get_or_create(person=by, model=model, role=Role.CONTRIBUTOR)
        record(
            Kind.MODEL_CREATED,
            f"model/{name}",
            actor=(token or by).actor,
            model=name,
            task=task,
            policy=model.policy,
        )
        return model


def describe_model(
    model: RegisteredModel,
    *,
    by: Person,
    token: ApiToken | None = None,
    description: str | None = None,
    task: str | None = None,
) -> RegisteredModel:
    """Change a model's words. Its policy is changed by `propose_policy`, which takes two people."""
    if reason := policies.refuse_model_edit(access(by, token, model)):
        raise NotAllowed(reason)
    changes = {
        name: value
        for name, value in (("description", description), ("task", task))
        if value is not None and value != getattr(model, name)
    }
    if not changes:
        return model
    with write():
        RegisteredModel.objects.filter(pk=model.pk).update(**changes)
        record(
            Kind.MODEL_UPDATED,
            f"model/{model.name}",
            actor=by.actor,
            model=model.name,
            changed=sorted(changes),
        )
    model.refresh_from_db()
    return model
