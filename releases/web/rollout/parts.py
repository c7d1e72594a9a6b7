"""Several versions in one rollout: what is decided about each by itself, and what about all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from registry.selectors import access
from releases import actions, selectors
from releases.actions import EVERYTHING
from releases.lifecycle import Action
from releases.web import deeds
from releases.web.deeds import Deed

if TYPE_CHECKING:
    from registry.models import Person
    from releases.models import Release, Rollout

ALONE = (Action.PROMOTE, Action.END_TRIAL, Action.ROLL_BACK, "override_freeze")
"""What is done to one version; the rest is done to the rollout."""
VERSION = "version"
_OF_ALL: Mapping[str, tuple[str, str]] = {
    Action.END_TRIAL: (
        "End all trials",
        "All units are answered by the live version again, and every version that is still in the rollout is"
        " approved as before: they lost without fault.",
    ),
    Action.ROLL_BACK: (
        "Roll all back",
        "Every version that is still in the rollout is rolled back: these releases are over, their versions"
        " stay.",
    ),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One version: its release, since when it is out, and what this person can do to it alone."""

    release: Release
    left_at: datetime | None
    deeds: Sequence[Deed] = ()


def parts(found: Rollout, reader: Person) -> list[Part]:
    """In the order of its design; none where it is about one version alone."""
    rows = selectors.challengers(found)
    if len(rows) < 2:
        return []
    going = found.closed_at is None
    return [
        Part(row.release, row.left_at, _deeds(found, row.release.pk, reader))
        if going and row.left_at is None
        else Part(row.release, row.left_at)
        for row in rows
    ]


def _deeds(found: Rollout, release: int, reader: Person) -> list[Deed]:
    whole = selectors.release(release, reader)
    choices = actions.choices(whole, access(reader, None, found.model))
    about = {VERSION: str(whole.version.number)}
    made = deeds.buttons(whole, choices, "rollout-action", found.pk)
    return [replace(each, about=about) for each in made if each.action in ALONE]


def of_all(made: Sequence[Deed]) -> list[Deed]:
    """The same of a rollout in which several versions are: none of them alone is promoted or let
    through a freeze by it."""
    return [_of_all(each) for each in made if each.action not in ALONE or each.action in _OF_ALL]


def _of_all(deed: Deed) -> Deed:
    if deed.action not in _OF_ALL:
        return deed
    label, warning = _OF_ALL[deed.action]
    look = replace(deed.look, warning=warning)
    return replace(deed, label=label, look=look, about={EVERYTHING: "yes"})
