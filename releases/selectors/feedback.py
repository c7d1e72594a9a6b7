"""Rewards and labels that came back, and rollouts of whose units something may be told."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Avg, Count, Q

from registry import policies, selectors
from registry.errors import NotFound
from registry.models import ApiToken, Person, RegisteredModel
from releases.models import Reward, Rollout


def feedback_by_version(
    model: RegisteredModel, numbers: Collection[int] | None = None
) -> dict[int, dict[str, Any]]:
    """Per version number (all, or these), the newest first: how many rewards and labels, and the mean."""
    given = Reward.objects.filter(model=model)
    if numbers is not None:
        given = given.filter(version__in=numbers)
    rows = (
        given.order_by("-version")
        .values("version")
        .annotate(
            rewards=Count("pk", filter=Q(reward__isnull=False)),
            labels=Count("pk", filter=Q(label__isnull=False)),
            mean=Avg("reward"),
        )
    )
    return {row["version"]: dict(row) for row in rows}


def rollout_with_units(pk: int, asker: Person, token: ApiToken | None = None) -> Rollout:
    """One rollout, for who may see its model or tell what became of its answers. Raises NotFound."""
    found = Rollout.objects.select_related("model").filter(pk=pk).first()
    if found is not None:
        sees = not policies.refuse_view(selectors.access(asker, token, found.model))
        tells = selectors.models_for(asker, token, {"feedback"}).filter(pk=found.model_id)
        if sees or tells.exists():
            return found
    raise NotFound(f"There is no rollout {pk} that you may see.", rollout=pk)
