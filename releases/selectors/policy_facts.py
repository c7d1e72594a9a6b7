"""What a policy may know about a release."""

from __future__ import annotations

from collections.abc import Collection

from registry import selectors as registry_selectors
from registry.builders import counted, keys
from registry.models import ModelVersion, Person
from registry.principals import Access
from releases import policies
from releases.guards import DATA_GATES
from releases.lifecycle import State
from releases.models import GateRun, Release, Review, Rollout
from releases.selectors.live import returnable
from releases.selectors.routes import environments


def signatures(of: Release) -> dict[str, Review]:
    """Slot to approval, counting only those given for the evidence that stands now."""
    current = [r for r in of.reviews.all() if r.evidence_digest == of.evidence_digest]
    return {r.slot: r for r in current if r.verdict == Review.Verdict.APPROVE}


def facts(of: Release) -> policies.Facts:
    """What a policy may know about the release."""
    return facts_of([of])[of.pk]


def facts_of(releases: Collection[Release]) -> dict[int, policies.Facts]:
    """What a policy may know about each release, by its key: as many queries for one as for many, but for
    what is asked of live ones only."""
    rollouts: dict[tuple[int, int], set[int]] = {}
    open_now = Rollout.objects.filter(model__in={of.model_id for of in releases}, closed_at=None)
    for model, environment, pk in open_now.values_list("model", "environment", "release"):
        rollouts.setdefault((model, environment), set()).add(pk)
    live: dict[tuple[int, int], set[int]] = {}
    same = Release.objects.filter(version__in={of.version_id for of in releases}, state=State.LIVE)
    for version, environment, pk in same.values_list("version", "environment", "pk"):
        live.setdefault((version, environment), set()).add(pk)
    reasons = condemned({of.version_id for of in releases})
    return {
        of.pk: _facts(
            of,
            rollouts.get((of.model_id, of.environment_id), set()),
            live.get((of.version_id, of.environment_id), set()),
            reasons.get(of.version_id, ""),
        )
        for of in releases
    }


def condemned(versions: Collection[int]) -> dict[int, str]:
    """The versions, by their key, that failed a data gate in any of their releases, with a sentence on it."""
    failed = GateRun.objects.filter(
        release__version__in=versions, gate__in=DATA_GATES, outcome=GateRun.Outcome.FAILED
    )
    rows = failed.order_by("-release", "-position").values_list(
        "release__version", "release__version__number", "gate", "release"
    )
    return {version: policies.condemned(number, gate, release) for version, number, gate, release in rows}


def refuse_opening(version: ModelVersion, access: Access) -> dict[str, str]:
    """By the name of each environment, why this person may open no release of the version there, or ''."""
    reason = condemned([version.pk]).get(version.pk, "")
    here = set(
        Release.objects.filter(version=version, state=State.LIVE).values_list("environment__name", flat=True)
    )
    return {row.name: policies.refuse_open(access, reason, row.name in here) for row in environments()}


def _facts(of: Release, rollouts: Collection[int], live: Collection[int], condemned: str) -> policies.Facts:
    """`rollouts` are the releases that have an open one here, `live` are those of the same version."""
    uploaders = {u.person.username for u in of.version.uploaders.all()}
    uploaders |= {u.person.email for u in of.version.uploaders.all()} | {of.version.built_by}
    return policies.Facts(
        state=State(of.state),
        opened_by=of.opened_by.username,
        slots=tuple(of.policy.get("slots", ())),
        signed={slot: review.person.username for slot, review in signatures(of).items()},
        uploaders=frozenset(uploaders - {""}),
        builders=counted(keys(of.version.built_by), of.policy.get("plus_addresses", "same")),
        builder_refused=_builder_refused(of),
        rollout_open=of.pk in rollouts,
        other_rollout_open=any(pk != of.pk for pk in rollouts),
        can_return=of.state == State.LIVE and returnable(of).exists(),
        errored_gates=any(run.outcome == GateRun.Outcome.ERRORED for run in of.gate_runs.all()),
        retire_asked_by=_retirement_asked_by(of),
        already_live=any(pk != of.pk for pk in live),
        condemned=condemned,
    )


def builders(of: Release) -> list[Person]:
    """The accounts that are meant as builders of the version, by the policy that the release keeps."""
    return registry_selectors.builders(of.version, of.policy.get("plus_addresses", "same"))


def _builder_refused(of: Release) -> bool:
    return of.policy.get("unknown_builder", "show") == "refuse" and not builders(of)


def _retirement_asked_by(of: Release) -> str:
    asked = of.retire_asked_by if of.state == State.LIVE else None
    return asked.username if asked else ""
