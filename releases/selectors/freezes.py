"""Freezes: which windows there are, which are on, and what was let through them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from registry.errors import NotFound
from releases.models import Environment, FreezeOverride, FreezeWindow, Release
from releases.windows import Freeze


def freeze_windows(of: Environment) -> QuerySet[FreezeWindow]:
    """Those that stand, by their names."""
    return FreezeWindow.objects.filter(environment=of, removed_at=None).select_related("environment")


def freeze_window(of: Environment, pk: int) -> FreezeWindow:
    """Raises NotFound."""
    found = freeze_windows(of).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no freeze {pk} in {of.name}.", freeze=pk)
    return found


def frozen(of: Environment, now: datetime | None = None) -> Freeze | None:
    """The freeze that is on in an environment, of several the one that lasts longest."""
    return freezes_at([of.pk], now or timezone.now()).get(of.pk)


def freezes_at(environments: Collection[int], now: datetime) -> dict[int, Freeze]:
    """The same for several environments, by their keys, with one query."""
    standing = Q(removed_at=None) | Q(lasts_until__gt=now)
    found: dict[int, Freeze] = {}
    for window in FreezeWindow.objects.filter(standing, environment__in=environments):
        opened = window.open_at(now)
        known = found.get(window.environment_id)
        if opened and (known is None or known.until < opened.ends):
            found[window.environment_id] = Freeze(window.name, opened.ends, window.zone)
    return found


def overrides_of(releases: Collection[int], now: datetime) -> dict[int, FreezeOverride]:
    """What is asked for or agreed to and has not been used, by the release's key."""
    rows = FreezeOverride.objects.filter(release__in=releases, used_at=None, until__gt=now)
    return {row.release_id: row for row in rows.select_related("asked_by", "agreed_by").order_by("pk")}


def override_of(release: Release, now: datetime | None = None) -> FreezeOverride | None:
    return overrides_of([release.pk], now or timezone.now()).get(release.pk)
