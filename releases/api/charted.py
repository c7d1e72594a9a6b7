"""The JSON of what charts draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from registry.api.asking import Strict
from releases.api.observed import ArmTraffic, FiguresShape, arm
from releases.traffic.moments import Moment
from releases.traffic.series import Observed, Seen
from releases.traffic.spans import SPANS, USUAL


class LinesQuery(Strict):
    span = serializers.ChoiceField(list(SPANS), required=False, default=USUAL.name)
    version = serializers.IntegerField(required=False, default=None, allow_null=True)
    environment = serializers.CharField(required=False, default="", max_length=40)


class PointShape(FiguresShape):
    """What clients asked from `at` on; `seconds` is how much of the point's time is over."""

    at = serializers.DateTimeField()
    seconds = serializers.FloatField()


class MomentShape(serializers.Serializer[object]):
    """A version that went live or back: `kind` is that of the event."""

    at = serializers.DateTimeField()
    version = serializers.IntegerField()
    kind = serializers.CharField()


class LineShape(serializers.Serializer[object]):
    """One environment, its points the oldest first; where nobody asked, `requests` is 0."""

    environment = serializers.CharField()
    points = PointShape(many=True)
    happened = MomentShape(many=True)


class LinesShape(serializers.Serializer[object]):
    """`counted_since` is later than `since` where more was counted than one answer adds up."""

    model = serializers.CharField()
    span = serializers.CharField()
    step_seconds = serializers.IntegerField()
    since = serializers.DateTimeField()
    counted_since = serializers.DateTimeField(allow_null=True)
    arms = ArmTraffic(many=True)
    lines = LineShape(many=True)


class TrendQuery(Strict):
    upto = serializers.IntegerField(required=False, default=None, allow_null=True, min_value=1)


class MeasureShape(serializers.Serializer[object]):
    """One version. `low` and `high` are the acceptable range, `lower` and `upper` the 95 % bounds of what was
    proven; what nobody has claimed or proven is null. `outcome` is the confidence gate's, `state` that of the
    newest release (both empty while there is none)."""

    version = serializers.IntegerField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    claimed = serializers.FloatField(allow_null=True)
    value = serializers.FloatField(allow_null=True)
    lower = serializers.FloatField(allow_null=True)
    upper = serializers.FloatField(allow_null=True)
    outcome = serializers.CharField()
    state = serializers.CharField()
    failed = serializers.BooleanField()
    live_in = serializers.ListField(child=serializers.CharField())


class TrendShape(serializers.Serializer[object]):
    """At most 60 versions, the oldest first. `earlier` and `later` are the `upto` of the neighbouring parts;
    `others` more had another metric than `metric`."""

    metric = serializers.CharField()
    measures = MeasureShape(many=True)
    others = serializers.IntegerField()
    earlier = serializers.IntegerField(allow_null=True)
    later = serializers.IntegerField(allow_null=True)


def lines(model: str, seen: Seen, happened: Sequence[Moment]) -> dict[str, Any]:
    """The values of LinesShape."""
    return {
        "model": model,
        "span": seen.window.span.name,
        "step_seconds": seen.window.span.step,
        "since": seen.window.started,
        "counted_since": seen.since,
        "arms": [arm(each) for each in seen.arms],
        "lines": [_line(place, observed, happened) for place, observed in seen.lines.items()],
    }


def _line(environment: str, observed: Observed, happened: Sequence[Moment]) -> dict[str, object]:
    points = [
        {"at": point.at, "seconds": point.seconds, **FiguresShape(point.figures).data}
        for point in observed.points
    ]
    here = [moment for moment in happened if moment.environment == environment]
    return {"environment": environment, "points": points, "happened": here}
