"""What a policy may know about a release."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone

from registry import selectors as registry_selectors
from registry.builders import counted, keys
from registry.models import ModelVersion, Person
from registry.principals import Access
from releases import policies
from releases.guards import DATA_GATES
from releases.lifecycle import State
from releases.models import Arm, Decision, FreezeOverride, GateRun, Proposal, Release, Review, Rollout
from releases.selectors.freezes import freezes_at, overrides_of
from releases.selectors.live import returnable
from releases.selectors.routes import environments
from releases.windows import Freeze

_SEVERAL = ("shadow", "ab_test", "bandit")


class _Open(NamedTuple):
    """What may be done with an open rollout. `members` are the releases that it is about, by their keys,
    `asks_about` those that what it asks for brings to more clients. An A/A run is about none, and is of the
    release `itself`."""

    members: frozenset[int] = frozenset()
    by_stages: bool = False
    paused: bool = False
    asks_for: str = ""
    asks_about: frozenset[int] = frozenset()
    itself: int = 0
    pk: int = 0
    takes_more: bool = False


class _Frozen(NamedTuple):
    """The freeze that is on where a release goes, what was asked of it, whether the release waits, and
    whether all that its rollout asks to bring on are let through."""

    freeze: Freeze | None = None
    override: FreezeOverride | None = None
    starts_later: bool = False
    asked_through: bool = False


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
    rollouts: dict[tuple[int, int], _Open] = {}
    asks_back = set[int]()
    lasting = Q(closed_at=None) | Q(watched_until__isnull=False)
    going = Rollout.objects.filter(lasting, model__in={of.model_id for of in releases})
    asking = Proposal.objects.filter(rollout=OuterRef("pk"), outcome=Proposal.Outcome.OPEN)
    told = going.annotate(
        asks_for=Subquery(asking.values("verdict")[:1]),
        asks_arm=Subquery(asking.values("arm")[:1]),
        kind=KeyTextTransform("kind", "release__strategy"),
        asks_back=Exists(asking_back().filter(rollout=OuterRef("pk"))),
    )
    arms = Arm.objects.filter(role=Arm.Role.CHALLENGER, left_at=None).select_related("release__version")
    inside = Prefetch("arms", arms.only("rollout", "release", "release__version__number"), to_attr="inside")
    for row in told.defer("design", "standing").prefetch_related(inside):
        if row.closed_at is not None:
            asks_back |= {row.release_id} if row.asks_back else set()
            continue
        paused = row.paused_at is not None
        one = _Open(
            frozenset(_members(row)),
            row.by_stages,
            paused,
            row.asks_for or "",
            frozenset(_members(row, row.asks_arm if row.asks_for == "promote" else "")),
            row.release_id if row.is_aa else 0,
            row.pk,
            row.by_stages and not row.is_aa and not paused and row.kind in _SEVERAL,
        )
        rollouts[row.model_id, row.environment_id] = one
    live: dict[tuple[int, int], set[int]] = {}
    same = Release.objects.filter(version__in={of.version_id for of in releases}, state=State.LIVE)
    for version, environment, pk in same.values_list("version", "environment", "pk"):
        live.setdefault((version, environment), set()).add(pk)
    reasons = condemned({of.version_id for of in releases})
    frozen = _frozen_of(releases, rollouts)
    return {
        of.pk: _facts(
            of,
            rollouts.get((of.model_id, of.environment_id)),
            live.get((of.version_id, of.environment_id), set()),
            reasons.get(of.version_id, ""),
            frozen.get(of.pk, _Frozen()),
            asks_back=of.pk in asks_back,
        )
        for of in releases
    }


def _frozen_of(
    releases: Collection[Release], rollouts: Mapping[tuple[int, int], _Open]
) -> dict[int, _Frozen]:
    """Of the releases that go where a freeze is on."""
    now = timezone.now()
    freezes = freezes_at({of.environment_id for of in releases}, now)
    held = {
        of: rollouts.get((of.model_id, of.environment_id), _Open()).asks_about
        for of in releases
        if of.environment_id in freezes
    }
    concerned = {of.pk for of in held}.union(*held.values())
    overrides = overrides_of(concerned, now) if held else {}
    agreed = {pk for pk, leave in overrides.items() if leave.agreed_at is not None}
    return {
        of.pk: _Frozen(
            freezes[of.environment_id], overrides.get(of.pk), _starts_later(of, now), about <= agreed
        )
        for of, about in held.items()
    }


def _starts_later(of: Release, now: datetime) -> bool:
    """Whether its strategy says a time that is still to come."""
    said = of.strategy.get("start_at")
    return isinstance(said, str) and datetime.fromisoformat(said) > now


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


def _facts(
    of: Release,
    rollout: _Open | None,
    live: Collection[int],
    condemned: str,
    frozen: _Frozen,
    *,
    asks_back: bool,
) -> policies.Facts:
    """`rollout` is the one that is open here, `live` are the releases of the same version."""
    mine = rollout if rollout is not None and of.pk in rollout.members else _Open()
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
        rollout_open=bool(mine.members),
        other_rollout_open=rollout is not None and not mine.members,
        against_itself=rollout is not None and rollout.itself == of.pk,
        under_way=rollout.pk if rollout is not None else 0,
        joinable=rollout is not None and not mine.members and rollout.takes_more,
        by_stages=mine.by_stages,
        paused=mine.paused,
        asks_for=mine.asks_for,
        freeze=frozen.freeze,
        starts_later=frozen.starts_later,
        override_asked_by=frozen.override.asked_by.username if frozen.override else "",
        let_through=frozen.override is not None and frozen.override.agreed_at is not None,
        asked_through=frozen.asked_through,
        asks_back=asks_back and of.state == State.LIVE,
        can_return=of.state == State.LIVE and returnable(of).exists(),
        errored_gates=any(run.outcome == GateRun.Outcome.ERRORED for run in of.gate_runs.all()),
        retire_asked_by=_retirement_asked_by(of),
        already_live=any(pk != of.pk for pk in live),
        condemned=condemned,
    )


def _members(of: Rollout, winner: str = "") -> set[int]:
    """Its own release; of one by stages the challengers that are `inside` it still, or the winner alone."""
    if of.origin_id is None:
        return {of.release_id}
    inside: list[Arm] = of.inside  # type: ignore[attr-defined]
    chosen = {arm.release_id for arm in inside if str(arm.release.version.number) == winner}
    return chosen or {arm.release_id for arm in inside}


def asking_back() -> QuerySet[Decision]:
    """What watches after a switch have found that a person is to decide."""
    return Decision.objects.filter(rollout__watched_until__isnull=False, verdict="propose").order_by()


def builders(of: Release) -> list[Person]:
    """The accounts that are meant as builders of the version, by the policy that the release keeps."""
    return registry_selectors.builders(of.version, of.policy.get("plus_addresses", "same"))


def _builder_refused(of: Release) -> bool:
    return of.policy.get("unknown_builder", "show") == "refuse" and not builders(of)


def _retirement_asked_by(of: Release) -> str:
    asked = of.retire_asked_by if of.state == State.LIVE else None
    return asked.username if asked else ""
