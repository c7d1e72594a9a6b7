"""The JSON of a rollout at one moment: stages, versions, evidence, what is missing, what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from releases.api.foreseen import ForecastShape
from releases.api.rolled_measures import EarningShape, EffectShape
from releases.api.shapes import StageShape
from releases.rollout.labelling import counted
from releases.rollout.overview import ArmNow, Needed, Overview
from releases.rollout.seen import findings
from releases.rollout.strategies.base import Finding

if TYPE_CHECKING:
    from releases.models import Proposal, Rollout


class BadShape(serializers.Serializer[object]):
    """Units of a version that met a metric's bad event, of so many; `rate` is null where there are none.

    `only_new` and `only_old`: pairs in which just the new version, or just the live one, was bad.
    """

    metric = serializers.CharField()
    units = serializers.IntegerField()
    of = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)
    only_new = serializers.IntegerField()
    only_old = serializers.IntegerField()


class SlowShape(serializers.Serializer[object]):
    """Units whose first request took longer than `ms`, of so many."""

    ms = serializers.FloatField()
    units = serializers.IntegerField()
    of = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)


class ArmNowShape(serializers.Serializer[ArmNow]):
    """One version. `share` is what nodes follow now; of `paired` units the live version was asked too, and
    `differing` of them were answered otherwise. `removed`: it was taken out."""

    version = serializers.IntegerField(source="name")
    live = serializers.BooleanField(source="baseline")
    removed = serializers.BooleanField()
    share = serializers.FloatField()
    units = serializers.IntegerField()
    bad = BadShape(many=True)
    slow = SlowShape(many=True)
    paired = serializers.IntegerField()
    differing = serializers.IntegerField()


class FindingShape(serializers.Serializer[Finding]):
    """Evidence for one claim, as natural logarithms: of 100 to 1 it is 4.6. `highest` is what counts: once at
    `threshold` it is `reached` for good. `version` is null for what concerns all of them together."""

    version = serializers.SerializerMethodField()
    metric = serializers.CharField()
    aim = serializers.CharField()
    log_evidence = serializers.FloatField(source="log_e")
    highest = serializers.FloatField(source="peak")
    threshold = serializers.FloatField()
    reached = serializers.BooleanField()
    action = serializers.CharField()

    def get_version(self, found: Finding) -> int | None:
        return int(found.arm) if found.arm else None


class NeededShape(serializers.Serializer[Needed]):
    """`more` units without a bad one until it is shown, or bad ones in a row until it goes back; null where
    that cannot be told."""

    version = serializers.IntegerField(source="finding.arm")
    metric = serializers.CharField(source="finding.metric")
    aim = serializers.CharField(source="finding.aim")
    more = serializers.IntegerField(allow_null=True)


class MissingShape(serializers.Serializer[Overview]):
    promote = NeededShape(many=True)
    roll_back = NeededShape(many=True, source="returns")


class NextShape(serializers.Serializer[Overview]):
    """What its strategy would decide now, and why. `proposed` is what a person would be asked for."""

    verdict = serializers.CharField(source="made.verdict")
    reason = serializers.CharField(source="made.reason")
    proposed = serializers.CharField(source="made.proposed", allow_null=True)
    alerts = serializers.ListField(source="made.alerts", child=serializers.CharField())
    least_seconds_left = serializers.FloatField(source="left")
    asks_in_seconds = serializers.FloatField(source="asks_in", allow_null=True)


class DecidedShape(serializers.Serializer[object]):
    """One decision; `event` is its number in the log, where all stands that it was made of."""

    number = serializers.IntegerField()
    verdict = serializers.CharField()
    version = serializers.SerializerMethodField()
    reason = serializers.CharField()
    by = serializers.CharField(source="decided_by")
    at = serializers.DateTimeField()
    event = serializers.IntegerField(source="event_id")

    def get_version(self, decision: Proposal) -> int | None:
        return int(decision.arm) if decision.arm else None


class ProposalShape(serializers.Serializer[object]):
    """What a person is asked for, with the evidence of the moment at which it began to be asked."""

    verdict = serializers.CharField()
    version = serializers.SerializerMethodField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()
    event = serializers.IntegerField(source="event_id")
    evidence = serializers.SerializerMethodField()

    def get_version(self, proposal: Proposal) -> int | None:
        return int(proposal.arm) if proposal.arm else None

    @extend_schema_field(FindingShape(many=True))
    def get_evidence(self, proposal: Proposal) -> list[dict[str, object]]:
        return [dict(FindingShape(each).data) for each in findings(proposal.evidence)]


class PartShape(serializers.Serializer[object]):
    """One version that is tried, with its release; `left_at`: when it was taken out, or the rollout ended."""

    version = serializers.IntegerField(source="release.version.number")
    release = serializers.IntegerField(source="release_id")
    state = serializers.CharField(source="release.state")
    joined_at = serializers.DateTimeField()
    left_at = serializers.DateTimeField(allow_null=True)


class LabelledShape(serializers.Serializer[counted.Labelled]):
    """Of how many labels just the new version was right (`new`), just the live one (`old`), both, neither.
    Evidence as natural logarithms; at `threshold` there is a `verdict`: better or worse, else empty."""

    version = serializers.IntegerField()
    new = serializers.IntegerField()
    old = serializers.IntegerField()
    both = serializers.IntegerField()
    neither = serializers.IntegerField()
    log_better = serializers.FloatField(source="found.log_better")
    log_worse = serializers.FloatField(source="found.log_worse")
    threshold = serializers.FloatField(source="found.threshold")
    verdict = serializers.CharField()


class RolloutNowShape(serializers.Serializer[object]):
    """A rollout at this moment. One that goes all at once has no arms, no evidence and nothing next.

    `stage` is the place of the stage that it is in, from 0. `effects` are metrics of units with intervals,
    `earning` is what a bandit knows, `forecast` how long an open one still takes, and `causes` may explain
    why versions do not have the units they should.
    """

    id = serializers.IntegerField(source="rollout.pk")
    release = serializers.IntegerField(source="rollout.release_id")
    kind = serializers.CharField(source="now.design.kind", default="single")
    mode = serializers.CharField(source="now.design.mode", default="auto")
    phase = serializers.CharField(source="rollout.phase")
    opened_at = serializers.DateTimeField(source="rollout.opened_at")
    closed_at = serializers.DateTimeField(source="rollout.closed_at", allow_null=True)
    paused_at = serializers.DateTimeField(source="rollout.paused_at", allow_null=True)
    paused_by = serializers.CharField(source="rollout.paused_by", allow_blank=True)
    looked_at = serializers.DateTimeField(source="rollout.looked_at", allow_null=True)
    stage = serializers.IntegerField(source="now.standing.stage", default=0)
    stages = StageShape(many=True, source="rollout.stages.all")
    parts = serializers.SerializerMethodField()
    arms = ArmNowShape(many=True, source="now.arms", default=())
    evidence = FindingShape(many=True, source="now.evidence", default=())
    effects = EffectShape(many=True, source="now.effects", default=())
    earning = EarningShape(source="now.earning", allow_null=True, default=None)
    causes = serializers.ListField(source="now.causes", child=serializers.CharField(), default=list)
    next = NextShape(source="now", allow_null=True)
    missing = MissingShape(source="now", allow_null=True)
    proposal = serializers.SerializerMethodField()
    decisions = DecidedShape(many=True, source="rollout.decisions.all")
    labels = serializers.SerializerMethodField()
    forecast = ForecastShape(allow_null=True)

    @extend_schema_field(LabelledShape(many=True))
    def get_labels(self, told: dict[str, object]) -> list[dict[str, object]]:
        rollout: Rollout = told["rollout"]  # type: ignore[assignment]
        return [dict(LabelledShape(each).data) for each in counted.standings(rollout)]

    @extend_schema_field(PartShape(many=True))
    def get_parts(self, told: dict[str, object]) -> list[dict[str, object]]:
        rollout: Rollout = told["rollout"]  # type: ignore[assignment]
        rows = [arm for arm in rollout.arms.all() if arm.role == "challenger"]
        return [dict(PartShape(row).data) for row in rows]

    @extend_schema_field(ProposalShape(allow_null=True))
    def get_proposal(self, told: dict[str, object]) -> dict[str, object] | None:
        rollout: Rollout = told["rollout"]  # type: ignore[assignment]
        asked = next(iter(rollout.proposals.all()), None)
        return None if asked is None else dict(ProposalShape(asked).data)
