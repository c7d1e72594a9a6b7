"""Counters of an older Assay, which summed minutes up as they grew old: none is lost, none counts twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps

from releases.models import NodeTraffic, Traffic
from tests import makers

pytestmark = pytest.mark.django_db
moving = import_module("releases.migrations.0012_hours_and_days_as_they_pass")
MINUTE, HOUR, DAY = 60, 3600, 86_400


def count(model, span, at, requests=3, **more):
    found = {"requests": requests, "rows": 9, "seconds": 0.5, "codes": {"bad_tensor": 1}, "buckets": [[4, 2]]}
    place = {"environment": makers.environment(), "span": span, "at": moving.begun(at, span)}
    Traffic.objects.create(model=model, version=1, arm="champion", outside={"x": 2}, **place, **found, **more)
    if span != DAY:
        NodeTraffic.objects.create(node="n1", **place, **found)


def requests(kind, span) -> int:
    return sum(kind.objects.filter(span=span).values_list("requests", flat=True))


@pytest.fixture
def now():
    return datetime.now(UTC)


@pytest.fixture
def older(now):
    """A row of each age as the older one kept them: days, hours of ten days, minutes of a day."""
    model = makers.model("m")
    for days in (70, 80):
        count(model, DAY, now - timedelta(days=days))
    for hours in range(27, 240):
        count(model, HOUR, now - timedelta(hours=hours))
    for minutes in range(0, 1500, 10):
        count(model, MINUTE, now - timedelta(minutes=minutes))
    return model


def test_hours_and_days_hold_what_only_minutes_and_hours_held(older):
    minutes, hours, days = (requests(Traffic, span) for span in (MINUTE, HOUR, DAY))
    moving.sum_up(apps, None)

    assert requests(Traffic, MINUTE) == minutes
    assert requests(Traffic, HOUR) == hours + minutes
    assert requests(Traffic, DAY) == days + hours + minutes
    assert [requests(NodeTraffic, span) for span in (HOUR, DAY)] == [hours + minutes, 0]
    row = Traffic.objects.filter(span=DAY).order_by("-requests")[0]
    many = row.requests // 3
    assert (row.codes, row.outside, row.buckets) == ({"bad_tensor": many}, {"x": 2 * many}, [[4, 2 * many]])


def test_going_back_leaves_each_request_once(older):
    before = sum(requests(Traffic, span) for span in (MINUTE, HOUR, DAY))
    moving.sum_up(apps, None)
    moving.take_back(apps, None)

    assert sum(requests(Traffic, span) for span in (MINUTE, HOUR, DAY)) == before
