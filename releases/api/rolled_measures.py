"""The JSON of what a rollout measures: metrics of units with their intervals, and what a bandit knows."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from releases.rollout.earning import Asking, Earner, Earning, Lift, Looked, Term
from releases.rollout.effects import Effect, known
from releases.rollout.evidence.adjusted import Interval
from releases.rollout.evidence.changed import Changed, Share


class IntervalShape(serializers.Serializer[Interval]):
    """A difference, new less live: `low` and `high` hold at all looks together."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


def interval(of: Interval | None) -> dict[str, object] | None:
    """None before enough is known to say anything."""
    ends = known(of) if of is not None else None
    return None if ends is None else dict(zip(("value", "low", "high"), ends, strict=True))


class ShareShape(serializers.Serializer[Share]):
    """The share of units whose answers have differed, of those of which both were asked."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class ChangedShape(serializers.Serializer[Changed]):
    """By changed answers: the effect on units whose answers differ, and `overall` for all units."""

    differing = ShareShape()
    effect = serializers.SerializerMethodField()
    overall = serializers.SerializerMethodField()

    @extend_schema_field(IntervalShape(allow_null=True))
    def get_effect(self, found: Changed) -> dict[str, object] | None:
        return interval(found.plain)

    @extend_schema_field(IntervalShape(allow_null=True))
    def get_overall(self, found: Changed) -> dict[str, object] | None:
        return interval(found.overall)


class EffectShape(serializers.Serializer[Effect]):
    """One metric of one version beside the live one. Intervals are null before enough units have closed."""

    version = serializers.IntegerField(source="arm")
    metric = serializers.CharField(source="metric.name")
    units = serializers.IntegerField(source="new.n")
    mean = serializers.FloatField(source="new.mean")
    live_units = serializers.IntegerField(source="old.n")
    live_mean = serializers.FloatField(source="old.mean")
    plain = serializers.SerializerMethodField()
    adjusted = serializers.SerializerMethodField()
    changed = ChangedShape(allow_null=True)

    @extend_schema_field(IntervalShape(allow_null=True))
    def get_plain(self, found: Effect) -> dict[str, object] | None:
        return interval(found.plain)

    @extend_schema_field(IntervalShape(allow_null=True))
    def get_adjusted(self, found: Effect) -> dict[str, object] | None:
        return interval(found.adjusted)


class EarnerShape(serializers.Serializer[Earner]):
    """What a unit brings with one version: 95 % sure between `low` and `high`; `best` is how likely no other
    brings more. Null while too little is known."""

    version = serializers.IntegerField(source="arm")
    units = serializers.IntegerField()
    ready = serializers.BooleanField()
    mean = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    best = serializers.FloatField(allow_null=True)


class LiftShape(serializers.Serializer[Lift]):
    """How much more a unit brings than with the live version, of `units` that play evenly."""

    version = serializers.IntegerField(source="arm")
    units = serializers.IntegerField()
    lift = serializers.SerializerMethodField()

    @extend_schema_field(IntervalShape(allow_null=True))
    def get_lift(self, found: Lift) -> dict[str, object] | None:
        return interval(found.interval)


class TermShape(serializers.Serializer[Term]):
    """What a version brings more in a step of a feature than in its first one: 95 % sure between the ends."""

    version = serializers.IntegerField(source="arm")
    step = serializers.CharField()
    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class AskingShape(serializers.Serializer[Asking]):
    """One context. `brings` is what a unit brings by version; `parts` of 64 are given to each version, none
    before shares have moved."""

    steps = serializers.ListField(child=serializers.CharField())
    units = serializers.IntegerField()
    brings = serializers.DictField(child=serializers.FloatField())
    parts = serializers.DictField(child=serializers.IntegerField())


class LookedShape(serializers.Serializer[Looked]):
    """What a bandit that looks at what is asked has learnt. Any version is given with a chance between
    `least` and `most`."""

    features = serializers.ListField(child=serializers.CharField())
    contexts = AskingShape(many=True)
    terms = TermShape(many=True)
    least = serializers.FloatField()
    most = serializers.FloatField()


class EarningShape(serializers.Serializer[Earning]):
    """What a bandit knows. `even`: the share of units for whom all versions play alike."""

    metric = serializers.CharField(source="metric.name")
    of_changed = serializers.BooleanField()
    even = serializers.FloatField()
    versions = EarnerShape(many=True, source="arms")
    lifts = LiftShape(many=True)
    looked = LookedShape(allow_null=True)
