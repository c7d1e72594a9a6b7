"""What looks at a rollout leave for its curves: enough to see how it came, and never more than so much."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from releases import selectors
from releases.models import EvidencePoint
from releases.rollout import history
from releases.services import deciding
from tests.releases.rolling import at_split, told

pytestmark = pytest.mark.django_db


def test_a_look_keeps_its_evidence_with_the_thresholds_and_the_shares(world):
    rollout = at_split(world)
    told(rollout, 1, 2, "seen", 100)
    told(rollout, 1, 1, "seen", 1900)
    world.look(rollout, later=60)
    in_shadow, at_five = rollout.points.all()
    assert (in_shadow.stage, in_shadow.decided, in_shadow.shares) == (0, True, {"2": 0.05, "1": 0.95})
    log_e, threshold = in_shadow.evidence["safe_in_pairs/errors/2"]
    assert log_e > threshold == pytest.approx(4.6052)
    assert (at_five.stage, at_five.decided, at_five.shares) == (1, True, {"2": 0.5, "1": 0.5})
    assert 0 < at_five.evidence["safe/errors/2"][0] < 4.6


def test_a_look_that_finds_nothing_else_writes_nothing(world):
    rollout = world.started()
    for later in (1, 20, 40, 60):
        world.look(rollout, later=later)
    assert rollout.points.count() == 1
    mark = selectors.pulse(rollout.pk).mark
    told(rollout, 0, 1, "paired", 3, about=2)
    world.look(rollout, later=80)
    assert rollout.points.count() == 2
    assert selectors.pulse(rollout.pk).mark != mark
    told(rollout, 0, 1, "paired", 3, about=2, node="n2")
    world.look(rollout, later=85)
    assert rollout.points.count() == 2, "sooner than a curve could show"


def test_whoever_looks_second_leaves_no_point(world):
    rollout = world.started()
    told(rollout, 0, 1, "paired", 3, about=2)
    late, now = deciding.opened(rollout.pk), timezone.now()
    world.look(rollout)
    told(rollout, 0, 1, "paired", 900, about=2, node="n2")
    deciding.hold(late, deciding.looked(late, [], now + timedelta(hours=1)))
    assert rollout.points.count() == 1


@pytest.mark.parametrize("days", [1, 21])
def test_however_long_it_lasts_there_are_so_many_points_evenly_apart(world, days):
    rollout = world.started()
    began = rollout.opened_at
    for minute in range(0, days * 1440, 4):
        now = began + timedelta(minutes=minute)
        found = {"evidence": {"safe/errors/2": [float(minute), 4.6]}, "shares": {}, "effects": {}}
        if history.news(rollout, history.newest(rollout), found.copy, now):
            history.keep(rollout, found, stage=0, now=now, decided=False)
    points = list(rollout.points.values_list("at", flat=True))
    assert history.PARTS / 3 < len(points) <= history.MOST
    halfway = began + timedelta(days=days / 2)
    assert 0.4 < sum(at < halfway for at in points) / len(points) < 0.75


def test_what_was_decided_by_stays_longest_and_is_bounded_too(world):
    rollout = world.started()
    began = rollout.opened_at
    EvidencePoint.objects.bulk_create(
        EvidencePoint(rollout=rollout, at=began + timedelta(seconds=n), stage=0, decided=n % 2 == 0)
        for n in range(history.MOST + 99)
    )
    now = began + timedelta(days=1)
    history.keep(rollout, {}, stage=0, now=now, decided=True)
    kept = list(rollout.points.values_list("decided", flat=True))
    assert (kept.count(True), kept.count(False)) == (history.PARTS, 2)
