"""A/A runs: a live version beside itself, so that a team knows that what it measures with is sound."""

from __future__ import annotations

from registry.errors import BadInput, DomainError, NotAllowed
from registry.events import record
from registry.models import ApiToken, Person
from registry.selectors import access
from registry.transactions import write
from releases import policies, selectors
from releases.errors import Frozen, NothingOpen, RolloutOpen
from releases.events import Kind
from releases.models import Release
from releases.rollout import staging
from releases.rollout.strategies import aa
from releases.services import moving, rollouts

MOST_HOURS = 336.0
"""Two weeks, as the longest A/B test by its preset."""
LEAST_HOURS = 1 / 60
"""A minute: nodes tell what they counted every few seconds, and a shorter run would hear of next to
nothing."""
_REFUSALS = {
    policies.NOT_LIVE: NothingOpen,
    policies.ANOTHER_ROLLOUT: RolloutOpen,
    policies.AA_UNDER_WAY: RolloutOpen,
}


def run_aa(
    release: Release,
    *,
    by: Person,
    token: ApiToken | None = None,
    grounds: str = "",
    hours: float | None = None,
) -> Release:
    """Half of the units of a live release are answered by it once more, under another name, for so long; both
    are asked the same, counted and tested as an A/B test is. It ends with a verdict and promotes nothing.

    Raises NotAllowed, BadInput, Frozen.
    """
    seconds = aa.DAY if hours is None else hours * 3600
    if not LEAST_HOURS * 3600 <= seconds <= MOST_HOURS * 3600:
        raise BadInput(f"An A/A run lasts from a minute to {MOST_HOURS:.0f} hours.", field="hours")
    with write():
        release = selectors.release(release.pk, by, token)
        facts = selectors.facts(release)
        if reason := policies.refuse_aa(access(by, token, release.model), facts):
            raise _REFUSALS.get(reason, _otherwise(reason, facts))(reason)
        said, actor = moving.said(grounds, by), (token or by).actor
        design = staging.against_itself(release, seconds)
        rollout = rollouts.begin_stages(release, release, release, actor, said, design)
        record(
            Kind.ROLLOUT_STARTED,
            release.subject,
            actor=actor,
            model=release.model.name,
            rollout=rollout.pk,
            strategy={"kind": str(design.kind)},
            replaces=release.version.number,
            stages=[str(stage.kind) for stage in design.stages],
            beside=[release.version.number],
            seconds=round(seconds),
            **said,
        )
        return release


def _otherwise(reason: str, facts: policies.Facts) -> type[DomainError]:
    return Frozen if reason == policies.refuse_forward(facts) else NotAllowed


def end_aa(release: Release, *, by: Person, token: ApiToken | None = None, grounds: str = "") -> Release:
    """End it before its time, without a verdict. Raises NotAllowed, NothingOpen."""
    with write():
        release = selectors.release(release.pk, by, token)
        facts = selectors.facts(release)
        if not facts.against_itself:
            raise NothingOpen(policies.NO_AA)
        if reason := policies.refuse_end_aa(access(by, token, release.model), facts):
            raise NotAllowed(reason)
        said = moving.said(grounds, by)
        moving.end_aa(release, reason="Ended by hand, without a verdict.", by=(token or by).actor, **said)
        return release
