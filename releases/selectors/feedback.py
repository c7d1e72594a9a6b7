"""Rewards and labels that came back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Avg, Count, Q

from registry.models import RegisteredModel
from releases.models import Reward


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
