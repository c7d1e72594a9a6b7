"""The JSON of a forecast: hours from now, null for what is not foretold."""

from __future__ import annotations

from math import isfinite

from rest_framework import serializers


class HoursField(serializers.FloatField):
    """Null where it is not foretold."""

    def to_representation(self, value: float) -> float | None:  # type: ignore[override]
        return round(value, 3) if isfinite(value) else None


class LastingShape(serializers.Serializer[object]):
    """One stage, by its place from 0. `asks`: a person is asked, for its longest time is over before its
    evidence is complete."""

    stage = serializers.IntegerField(source="place")
    begins_in_hours = HoursField(source="begins", allow_null=True)
    lasts_hours = HoursField(source="lasts", allow_null=True)
    asks = serializers.BooleanField()


class NoticedShape(serializers.Serializer[object]):
    """A version of which the share `bad` of the units meet an error: when half of the plays had returned it,
    and nine tenths, and in which stage; null where so many had not."""

    bad = serializers.FloatField()
    stage = serializers.IntegerField(source="place", allow_null=True)
    median_hours = HoursField(source="median", allow_null=True)
    late_hours = HoursField(source="late", allow_null=True)


class ForecastShape(serializers.Serializer[object]):
    """What it was played on: so many last hours of the model's traffic, and the share of requests that the
    live version failed. Each request is taken for a unit."""

    kind = serializers.CharField(source="design.kind")
    hours_known = serializers.IntegerField(source="outlook.past.hours")
    bad_now = serializers.FloatField(source="outlook.past.bad")
    takes_hours = HoursField(source="outlook.hours", allow_null=True)
    stages = LastingShape(many=True, source="outlook.stages")
    noticed = NoticedShape(many=True, source="outlook.noticed")
