"""The metric over versions, read from proofs: bounded, and no more evidence than is drawn."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from releases.lifecycle import State
from releases.models import GateRun, Release
from releases.selectors import trend
from tests import makers

pytestmark = pytest.mark.django_db


@pytest.fixture
def model():
    makers.environment()
    return makers.model("m")


def proven(model, value, outcome="passed", state=State.IN_REVIEW, **facts):
    """A version with a confidence gate that came to this."""
    release = makers.release(makers.version(model, **facts), State.VALIDATING)
    found = {"metric": "accuracy", "value": value, "lower": value - 0.02, "upper": value + 0.01}
    with makers.unguarded("releases_release", "releases_gaterun"):
        told(release, outcome=outcome, evidence={**found, "failures": ["much more"] * 50})
        Release.objects.filter(pk=release.pk).update(state=state)
    return release


def told(release, **facts):
    GateRun.objects.filter(release=release, gate="confidence").update(**facts)


def test_versions_are_told_the_oldest_first_with_what_became_of_them(model):
    proven(model, 0.9, state=State.SUPERSEDED)
    proven(model, 0.95, state=State.LIVE)
    proven(model, 0.5, "failed", State.REJECTED)
    makers.version(model)

    found = trend.of_model(model)
    assert [m.version for m in found.measures] == [1, 2, 3, 4]
    assert [m.value for m in found.measures] == [0.9, 0.95, 0.5, None]
    assert [m.failed for m in found.measures] == [False, False, True, False]
    assert [m.live_in for m in found.measures] == [(), ("production",), (), ()]
    assert (found.measures[0].lower, found.measures[0].upper) == pytest.approx((0.88, 0.91))
    assert (found.earlier, found.later) == (None, None)


def test_a_long_history_comes_in_parts_with_as_many_queries_as_a_short_one(model, monkeypatch):
    monkeypatch.setattr(trend, "MOST", 3)
    proven(model, 0.9)
    with CaptureQueriesContext(connection) as few:
        trend.of_model(model)
    for _ in range(7):
        proven(model, 0.9)

    with CaptureQueriesContext(connection) as many:
        newest = trend.of_model(model)
    middle = trend.of_model(model, newest.earlier)
    oldest = trend.of_model(model, middle.earlier)
    assert [[m.version for m in part.measures] for part in (newest, middle, oldest)] == [
        [6, 7, 8], [3, 4, 5], [1, 2],
    ]  # fmt: skip
    assert (oldest.earlier, oldest.later, middle.later, newest.later) == (None, 5, 8, None)
    assert len(many) == len(few)
    assert "LIMIT 4" in many[0]["sql"]
    assert not any("failures" in str(each) for each in newest.measures)


def test_versions_with_another_metric_are_counted_and_not_drawn(model):
    proven(model, 0.9)
    release = proven(model, 0.4)
    with makers.unguarded("releases_gaterun"):
        told(release, evidence={"metric": "log_loss", "value": 0.4, "lower": 0.3, "upper": 0.5})
    found = trend.of_model(model)
    assert (found.metric, [m.version for m in found.measures], found.others) == ("log_loss", [2], 1)


def test_the_newest_verdict_counts_and_one_that_is_pending_does_not(model):
    release = proven(model, 0.9)
    later = makers.release(release.version, State.VALIDATING)
    told(later, outcome="pending")
    (measure,) = trend.of_model(model).measures
    assert (measure.value, measure.state) == (0.9, "validating")


def test_a_model_without_versions_has_no_trend(model):
    assert trend.of_model(model).measures == []
