"""Ten planted causes of unbalanced arms: the right one is named first."""

from __future__ import annotations

import pytest

from releases.rollout.counts import Counts, Spell, Tally
from releases.rollout.designs.design import weights
from releases.rollout.evidence import diagnosis

ARMS = ("8", "7")
HALF = Spell(1, weights((("8", 0.5),), ARMS))
NODES = [("node", f"n{n}") for n in range(4)]


def counted(new, old):
    return Counts(arms={(HALF, "8"): new, (HALF, "7"): old})


def evenly(units, **extra):
    """Units of one arm over four nodes and two clients, with marks beside."""
    marks = dict.fromkeys(NODES, units // 4) | {("client", c): units // 2 for c in ("web", "app")}
    return Tally(units, marks=marks | {(mark, ""): n for mark, n in extra.items()})


@pytest.mark.parametrize("mark", sorted(diagnosis.MISSING))
def test_what_was_not_counted_is_given_back(mark):
    found = diagnosis.causes(counted(evenly(40_000, **{mark: 4000}), evenly(44_000)), ARMS)
    assert found[0].mark == mark


@pytest.mark.parametrize("mark", sorted(diagnosis.EXTRA))
def test_what_was_counted_too_much_is_taken_away(mark):
    found = diagnosis.causes(counted(evenly(44_000, **{mark: 4000}), evenly(40_000)), ARMS)
    assert found[0].mark == mark


@pytest.mark.parametrize("place", [("node", "n2"), ("client", "app")])
def test_one_place_is_named(place):
    new = evenly(44_000)
    lacking = Tally(40_000, marks={**new.marks, place: new.marks[place] - 4000})
    found = diagnosis.causes(counted(lacking, new), ARMS)
    assert (found[0].mark, found[0].place) == place
    assert place[1] in found[0].sentence


def test_what_is_everywhere_is_no_cause():
    """Marks that fall on both arms alike explain nothing, and neither does the only node there is."""
    new, old = evenly(40_000, cached=4000), evenly(44_000, cached=4400)
    assert diagnosis.causes(counted(new, old), ARMS) == ()
    only = [Tally(n, marks={("node", "n0"): n}) for n in (40_000, 44_000)]
    assert diagnosis.causes(counted(*only), ARMS) == ()


def test_a_mechanism_comes_before_the_place_it_happened_at():
    """Even where the place accounts for more of it: not every crash leaves a mark."""
    new = evenly(44_000)
    lacking = Tally(
        40_000, marks={**new.marks, ("node", "n1"): new.marks["node", "n1"] - 4000, ("crashed", ""): 3400}
    )
    crashed, node = diagnosis.causes(counted(lacking, new), ARMS)
    assert (crashed.mark, node.mark) == ("crashed", "node")
    assert crashed.left > node.left
