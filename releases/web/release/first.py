"""A version beside the first one that was live there: what all later ones began from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from releases import selectors
from releases.comparing import comparison
from releases.comparing.verdict import Verdict
from releases.lifecycle import State

if TYPE_CHECKING:
    from releases.models import Release


@dataclass(frozen=True, slots=True)
class First:
    """Its number, and the line of the comparison with it."""

    number: int
    verdict: Verdict


def against(found: Release, live: Release | None) -> First | None:
    """None where the first version is the live one or its own, and before there is a proof to compare."""
    first = selectors.first_live(found.model, found.environment) if live else None
    if first is None or live is None or first.pk in (live.version_id, found.version_id):
        return None
    if found.state in (State.DRAFT, State.VALIDATING):
        return None
    return First(first.number, comparison.compare(first, found.version).verdict)
