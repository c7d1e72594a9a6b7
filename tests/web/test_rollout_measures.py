"""What a rollout tells of metrics of units: intervals, changed answers, balance, and what a bandit knows."""

from __future__ import annotations

from dataclasses import replace

from django.utils.html import strip_tags

from releases.rollout import staging, written
from tests.web import reading, staged

BOUGHT = {"metrics": [{"name": "bought", "direction": "higher"}]}
NEAR = {"bought/6": {"plain": [0.05, -0.02, 0.12], "overall": [0.03, 0.01, 0.05]}}


def measuring(world, **more):
    return staged.build(world, kind="ab_test", stage=1, **BOUGHT, **more)


def part(client, moving, name: str) -> str:
    html = reading.html(client.get(f"/rollouts/{moving.rollout.pk}/"))
    return html[html.index(f'id="{name}"') :].split('<section class="card"')[0]


def test_a_test_tells_its_interval_over_time_and_by_what_rule_a_version_wins(world, as_):
    moving = measuring(world)
    staged.answered(moving, 1, (4_000, 4_000), (0, 0))
    staged.bought(moving, 1, (4_000, 4_000), (1_600, 1_200))
    staged.points(moving, effects=NEAR)
    html = part(as_("vera"), moving, "measured")
    assert "Version 6 is better: +10 points, between +6" in html
    assert "A version wins when it is shown to be better in bought, at 100 to 1" in html
    assert "After 14 days without either a person is asked." in html
    assert "Units are shared out as declared" in html
    assert "Difference over time" in html
    assert "By changed answers" in html
    assert "40 %" in html


def test_where_both_answers_are_known_it_tells_how_many_differ_and_what_that_makes_for_all(world, as_):
    moving = measuring(world)
    live, new = 2, 6
    told = {("seen", arm, 0, 0): 4_000 for arm in (live, new)}
    told |= {("paired", arm, new, 0): 4_000 for arm in (live, new)}
    told |= {("differed", arm, new, 0): 400 for arm in (live, new)}
    staged.counted(moving, 1, told)
    staged.bought(moving, 1, (4_000, 4_000), (1_300, 1_200))
    staged.bought(moving, 1, (400, 400), (280, 120), changed=True)
    html = part(as_("vera"), moving, "measured")
    assert "Share of changed answers" in html
    assert "10 %" in html
    assert "+40 points" in html, "of units with changed answers"
    assert "+4 points" in html, "a tenth of it for all"
    assert "only changed answers decide" in html


def test_before_enough_units_have_closed_it_says_what_it_waits_for(world, as_):
    moving = measuring(world)
    staged.bought(moving, 1, (40, 40), (10, 10))
    html = part(as_("vera"), moving, "measured")
    assert "Nothing is said before 100 units of each version have closed" in html
    assert "of one version 40 are known" in html


def test_units_that_are_not_shared_out_as_declared_are_told_with_their_cause(world, as_):
    moving = measuring(world)
    told = {("seen", 6, 0, 0): 3_000, ("seen", 2, 0, 0): 4_000}
    staged.counted(moving, 1, told)
    html = part(as_("vera"), moving, "measured")
    assert "The versions do not have the units they should" in html


def test_a_bandit_shows_what_each_version_may_bring_and_how_shares_followed(world, as_):
    moving = staged.build(world, kind="bandit", stage=1, **BOUGHT, pair=0.0)
    staged.bought(moving, 1, (2_000, 2_000), (160, 120))
    staged.points(moving)
    html = part(as_("vera"), moving, "played")
    assert "What a unit may bring: bought" in html
    assert "99.3 %" in html, "how likely version 6 is the best"
    assert "8 %" in html
    assert "Share of units, %" in html
    assert "Gained, told without bias" in html
    assert "Nothing is known of these yet." in html
    assert "It plays on until a person ends it." in html


def test_a_gain_is_told_of_units_that_play_evenly(world, as_):
    moving = staged.build(world, kind="bandit", stage=1, **BOUGHT, pair=0.0)
    staged.bought(moving, 1, (2_000, 2_000), (160, 120))
    staged.bought(moving, 1, (1_000, 1_000), (300, 200), even=True)
    html = part(as_("vera"), moving, "played")
    assert "+10 points" in html
    assert "Nothing is known of these yet." not in html


def looking(world):
    features = [{"name": "<b>age", "cuts": [30]}]
    return staged.build(world, kind="bandit", stage=1, **BOUGHT, play={"features": features})


def test_a_bandit_that_looks_at_what_is_asked_tells_it_by_context(world, as_):
    moving = looking(world)
    staged.bought(moving, 1, (1_000, 1_000), (200, 50), context=0)
    staged.bought(moving, 1, (500, 500), (25, 100), context=1)
    standing = staging.standing_of(moving.rollout)
    parts = tuple(zip(moving.design.arms, ((64, 0), (0, 64)), strict=True))
    moving.rollout.standing = written.to_json(replace(standing, contexts=parts))
    moving.rollout.save(update_fields=["standing"])
    html = part(as_("vera"), moving, "played")
    assert "of all units by what they ask" in html
    assert "Who answers follows from &lt;b&gt;age of a request." in html
    assert "with a chance of 5 % to 95 %" in html
    rows = [" ".join(strip_tags(row.replace("<", " <")).split()) for row in html.split("<tr>")]
    told = [row for row in rows if row.startswith("&lt;b&gt;age")]
    assert told[0] == "&lt;b&gt;age below 30 2 000 20 % 100 % 5.02 % 0 %"
    assert any(row.startswith("Version 6 &lt;b&gt;age from 30 on \u22121") for row in rows), rows
    beside = part(as_("vera"), moving, "versions")
    assert "by what they have asked so far" in beside
    assert "others cannot be compared" in beside
    assert "65 %" in beside, "two thirds of the requests, of which a tenth plays evenly"


def test_before_anything_came_a_bandit_says_what_it_waits_for(world, as_):
    moving = staged.build(world, kind="bandit", stage=1, **BOUGHT, pair=0.0)
    html = part(as_("vera"), moving, "played")
    assert "They do not move before 100 units of versions 6 and 2 are known." in html
    assert 'id="plot-densities"' not in html


def test_as_many_queries_whatever_is_measured(world, as_, django_assert_max_num_queries):
    moving, client = measuring(world), as_("vera")
    staged.bought(moving, 1, (4_000, 4_000), (1_600, 1_200))
    staged.points(moving, 300, effects=NEAR)
    with django_assert_max_num_queries(60):
        client.get(f"/rollouts/{moving.rollout.pk}/")
