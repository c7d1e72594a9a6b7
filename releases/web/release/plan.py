"""What starting the rollout of a release would do, before anybody does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils import timezone

from registry.errors import BadInput
from releases.errors import NotApproved
from releases.lifecycle import State
from releases.rollout import earlier, staging
from releases.web.rollout import foretold, values, words

if TYPE_CHECKING:
    from releases.models import Release

BEFORE = (State.DRAFT, State.VALIDATING, State.IN_REVIEW, State.APPROVED)


@dataclass(frozen=True, slots=True)
class Plan:
    """Stage by stage, against what is live now; or why it cannot be started as things stand."""

    rungs: Sequence[values.Rung] = ()
    acts: str = ""
    spares_nobody: bool = False
    refusal: str = ""
    foretold: Sequence[str] = ()


def plan(release: Release, live: Release | None) -> Plan | None:
    """None for a release that has been started, or never can be."""
    if release.state not in BEFORE:
        return None
    try:
        design = staging.design_for(release, live)
    except (BadInput, NotApproved) as refusal:
        return Plan(refusal=str(refusal))
    acts = words.acts(design) if staging.is_by_stages(design) else ""
    past = earlier.past(live, timezone.now()) if live else None
    return Plan(
        values.planned(design), acts, words.spares_nobody(design), foretold=foretold.told(design, past)
    )
