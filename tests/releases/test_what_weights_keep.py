"""What is counted of a rollout grows with the weights that units were given by, not with their going out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from formats.evidence import Fact, FactKind
from registry.transactions import write
from releases.models import Route, UnitCount, WeighedSum
from releases.rollout.gathering import counts_of
from releases.traffic import evidence
from tests.releases.going import BASE, NEW, after, going
from tests.releases.units import tells

pytestmark = pytest.mark.django_db
TICKS = 12


@pytest.fixture
def found():
    return going({"kind": "bandit", "shadow": False}, weights={NEW: 0.25})


def seen(found, unit, version=NEW, revision=None):
    return Fact(FactKind.SEEN, revision or found.revision, version, 0, found.place_of(unit))


def take(found, *facts, **of):
    with write():
        evidence.take(found.rollout.environment, [tells(found.rollout, *facts, **of)])


def shared(counts):
    """Share of the challenger -> units that it was given by it."""
    told = {(spell.share("2"), arm): tally.units for (spell, arm), tally in counts.arms.items()}
    return {share: units for (share, arm), units in told.items() if arm == "2"}


def gathered(found):
    return counts_of(found.rollout, (), datetime.now(UTC))


def test_units_are_kept_by_weights_however_often_these_go_out(found):
    first = found.revision
    for tick in range(TICKS):
        found.weigh({NEW: (0.5, 0.25)[tick % 2]})
        take(found, seen(found, f"user {tick}"))
    kept = UnitCount.objects.values_list("revision", "version", "units")
    assert set(kept) == {(first, NEW, TICKS / 2), (first + 1, NEW, TICKS / 2)}
    assert shared(gathered(found)) == {0.25: TICKS / 2, 0.5: TICKS / 2}


def test_a_stage_that_has_the_weights_of_another_keeps_its_own(found):
    found.rollout.stages.create(place=1, kind="split")
    for stage in (1, 0, 1):
        found.weigh({NEW: 0.25}, stage=stage)
        take(found, seen(found, f"user {found.revision}"))
    first, other = UnitCount.objects.order_by("stage__place").values_list("units", flat=True)
    assert (first, other) == (1, 2)


def test_weights_that_some_units_do_not_follow_are_others(found):
    """Units that play evenly have another chance, though the weights are the same."""
    found.weigh({NEW: 0.25}, even=0.1)
    found.weigh({NEW: 0.25}, even=0.1)
    kept = Route.objects.filter(stage__rollout=found.rollout).order_by("revision")
    assert list(kept.values_list("revision", "spell")) == [(1, 1), (2, 2), (3, 2)]


def test_what_came_of_units_is_kept_by_weights_too(found):
    first = found.revision
    for tick in range(TICKS):
        found.weigh({NEW: (0.5, 0.25)[tick % 2]})
        found.see(f"user {tick}", after(minutes=tick), NEW)
        found.tell(f"user {tick}", 1, after(minutes=tick))
    found.sum(after(hours=4))
    kept = WeighedSum.objects.filter(metric="bought", changed=False)
    assert set(kept.values_list("revision", "version", "units")) == {
        (first, NEW, TICKS / 2),
        (first + 1, NEW, TICKS / 2),
    }
    assert {
        spell.share("2"): tally.outcomes["bought"].n for (spell, _), tally in found.known().arms.items()
    } == {0.25: TICKS / 2, 0.5: TICKS / 2}


def test_a_unit_that_the_release_before_has_counted_elsewhere_is_counted_once(found):
    """While both run, that one counts under the revision itself, and this one takes from its weights'."""
    found.weigh({NEW: 0.5})
    later = found.weigh({NEW: 0.25})
    take(found, seen(found, "user", revision=later))
    UnitCount.objects.update(revision=later)
    take(found, seen(found, "user", BASE, revision=1), node="n2")
    assert set(UnitCount.objects.values_list("revision", "version", "kind", "units")) == {
        (1, BASE, "seen", 1),
        (1, NEW, "moved", 1),
    }
