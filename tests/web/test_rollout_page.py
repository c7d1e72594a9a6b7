"""The page of a rollout: where it stands, what it is judged by, what it asks, and who may answer."""

from __future__ import annotations

import re
from math import log

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.events import record
from registry.transactions import write
from releases import selectors
from releases.events import Kind
from releases.models import Rollout, Stage, Switch
from releases.rollout.strategies.base import Aim, Finding, Verdict
from tests.web import hostile as hostiles
from tests.web import reading, staged
from tests.web.conftest import HTMX


def page(client, moving) -> str:
    return reading.html(client.get(f"/rollouts/{moving.rollout.pk}/"))


def test_it_tells_the_stage_the_versions_and_the_evidence(world, as_):
    moving = staged.build(world, stage=2)
    staged.pairs(moving, 3_000, 20, 1, 1)
    staged.answered(moving, 1, (400, 41_000), (0, 9))
    staged.answered(moving, 2, (1_200, 22_000), (2, 3))
    html = page(as_("vera"), moving)
    assert "Stage 3 of 5: 5 %." in html
    assert html.count('aria-current="step"') == 1
    assert "5 % of the units are answered by version 6 and 95 % by version 2" in html
    assert "1 600" in html
    assert "2 (0.125 %)" in html
    assert "Errors are more frequent than with version 2" in html
    assert "of the 417 to 1 that returns it" in html
    assert "more units without any" in html
    assert re.search(r"The stage lasts \d+ minutes .*more at least\.", html)
    assert "system/rollouts" in html


def test_it_says_who_started_it(world, as_):
    moving = staged.build(world)
    with write():
        for rollout, who in ((moving.rollout.pk - 1, "boris"), (moving.rollout.pk, "chloe")):
            about = {"model": "digits", "rollout": rollout}
            record(Kind.ROLLOUT_STARTED, moving.release.subject, actor=world.people[who].actor, **about)
    assert re.search(r"begun .* by chloe\.", page(as_("vera"), moving))


def test_before_anything_is_counted_it_says_what_is_missed(world, as_):
    html = page(as_("vera"), staged.build(world))
    assert "Stage 1 of 5: Shadow." in html
    assert "Nothing has been decided yet" in html
    assert "no evidence yet, of the 100 to 1 that shows it" in html
    assert "Clients are answered by version 2 alone." in html


def test_one_that_waits_for_its_time_does_nothing_yet_and_says_so(world, as_):
    moving = staged.build(world, start_at="2999-01-01T06:00:00+00:00")
    Switch.objects.filter(rollout=moving.rollout).delete()
    Stage.objects.filter(rollout=moving.rollout).update(begun_at=None)
    html = page(as_("vera"), moving)
    assert "It waits: version 2 answers alone until it begins." in html
    assert "The rollout begins on 2999-01-01 at 06:00 UTC." in html
    assert "Canary rollout, planned" in html
    assert 'aria-current="step"' not in html
    assert "On its way over the nodes" not in html
    release = reading.html(as_("vera").get(f"/releases/{moving.release.pk}/"))
    assert "waiting for its time" in release
    assert "waits for its time" in release
    assert "step--now" not in release
    told = as_("vera").get(f"/api/v1/releases/{moving.release.pk}").json()["rollout"]
    assert told["phase"] == "waiting"
    model = reading.html(as_("vera").get("/models/digits/"))
    assert f'<a href="/rollouts/{moving.rollout.pk}/">Rollout {moving.rollout.pk}</a>' in model


def test_where_a_person_says_whether_to_go_on_nothing_else_is_missing(world, as_):
    stages = [{"kind": "trial", "units": ["ana"], "pair": 1}, {"kind": "split", "share": 0.5}]
    html = page(as_("vera"), staged.build(world, stages=stages))
    needed = html[html.index('id="needed"') :]
    assert "A person is asked whether to go on." in needed
    assert "more units without any" not in needed
    assert "more units with errors of it alone" in needed


def test_a_proposal_shows_the_evidence_as_it_was(world, as_):
    moving = staged.build(world, stage=1)
    frozen = (
        Finding("6", "errors", Aim.SAFE, log(40), log(61), log(100)),
        Finding("6", "errors", Aim.WORSE, log(3), log(5), log(417)),
    )
    staged.proposal(moving, "move", "It has lasted as long as it may.", frozen)
    html = page(as_("chloe"), moving)
    assert "It asks: Begin the next stage?" in html
    asked = html[html.index('id="proposal"') : html.index('id="stages"')]
    assert "It has lasted as long as it may." in asked
    assert "evidence 61 to 1, of the 100 to 1 that shows it" in asked


def test_a_paused_one_says_by_whom(world, as_):
    moving = staged.build(world, stage=1)
    Rollout.objects.filter(pk=moving.rollout.pk).update(
        paused_at=moving.rollout.opened_at, paused_by="person/chloe"
    )
    assert "Paused by chloe. Stage 2 of 5" in page(as_("vera"), moving)


@pytest.mark.parametrize(
    ("verdict", "kept", "told"),
    [
        (Verdict.PROMOTE, "6", "Promoted: version 6 has all traffic."),
        (Verdict.ROLL_BACK, "2", "Rolled back: version 2 answers, as before."),
        (Verdict.END_TRIAL, "2", "Ended without fault: version 2 answers, as before."),
    ],
)
def test_one_that_is_over_says_how_it_ended_and_offers_nothing(world, as_, verdict, kept, told):
    moving = staged.build(world, stage=4)
    staged.over(moving, verdict, kept, "That is what was found.")
    html = page(as_("chloe"), moving)
    assert told in html
    assert "That is what was found." in html
    assert "data-live" not in html
    assert 'id="ask-roll_back"' not in html


def test_the_red_button_is_there_for_all_and_works_for_those_who_may(world, as_):
    moving = staged.build(world, stage=1)
    mine, theirs = page(as_("chloe"), moving), page(as_("vera"), moving)
    assert 'id="ask-roll_back"' in mine
    assert 'id="do-roll_back"' in mine
    assert 'id="ask-roll_back"' not in theirs
    assert '<button class="btn btn--danger" disabled' in theirs
    assert "This needs the role release manager." in theirs


def test_a_refusal_stays_on_the_page_and_keeps_what_was_written(world, as_):
    moving = staged.build(world, stage=1)
    address = f"/rollouts/{moving.rollout.pk}/actions/roll_back"
    wrong = as_("chloe").post(address, {"grounds": "it is slow", "typed": "digit"}, headers=HTMX)
    html = reading.html(wrong)
    assert wrong.status_code == 422
    assert html.startswith('<div id="rollout-panel"')
    assert "it is slow</textarea>" in html
    assert as_("vera").post(address, {"typed": "digits"}).status_code == 409


def test_one_that_goes_all_at_once_has_nothing_to_compare(world, as_):
    html = reading.html(as_("vera").get(f"/rollouts/{world.live.rollouts.get().pk}/"))
    assert "Done: all traffic went over at once." in html
    assert 'id="stages"' not in html


def test_its_panel_is_empty_until_something_has_happened(world, as_):
    moving, client = staged.build(world, stage=1), as_("vera")
    seen = page(client, moving).split("panel?seen=")[1].split('"')[0]
    address = f"/rollouts/{moving.rollout.pk}/panel?seen={seen}"
    assert client.get(address, headers=HTMX).status_code == 204
    staged.decision(moving.rollout, "hold", "a person looked")
    assert "a person looked" in reading.html(client.get(address, headers=HTMX))
    assert as_("nobody").get(address, headers=HTMX).status_code == 404


@pytest.mark.parametrize("change", ["looks", "paused_at", "switch", "decision", "proposal", "answer"])
def test_another_pulse_for_everything_that_happens(world, change):
    moving = staged.build(world, stage=1)
    rollout, asked = moving.rollout, staged.proposal(moving, "move", "why")
    before = selectors.pulse(rollout.pk)
    {
        "looks": lambda: Rollout.objects.filter(pk=rollout.pk).update(looks=99),
        "paused_at": lambda: Rollout.objects.filter(pk=rollout.pk).update(paused_at=rollout.opened_at),
        "switch": lambda: Switch.objects.create(rollout=rollout, decided_by="system/rollouts"),
        "decision": lambda: staged.decision(rollout, "hold", "why"),
        "proposal": asked.delete,
        "answer": lambda: rollout.proposals.update(outcome="dismissed"),
    }[change]()
    after = selectors.pulse(rollout.pk)
    assert (before.mark != after.mark, after.over) == (True, False)


def test_it_shows_how_evidence_came_and_what_happened_meanwhile(world, as_):
    moving = staged.build(world, stage=2)
    staged.points(moving)
    staged.decision(moving.rollout, "propose", "It has lasted as long as it may.")
    html = page(as_("vera"), moving)
    drawn = html[html.index('id="curves"') :]
    assert drawn.count('class="plot"') == 2, (
        "one for each metric of the version, and none of what never spoke"
    )
    assert "Safe: 159 to 1; enough at 100 to 1" in drawn
    assert "Worse: none yet, 4.1 to 1 at its highest; enough at 417 to 1" in drawn
    assert "stage 2 begins: 1 %" in drawn
    assert "asks: It has lasted as long as it may." in drawn
    assert "Errors: safe in pairs" in drawn


def test_before_any_look_there_is_nothing_to_draw(world, as_):
    assert 'id="curves"' not in page(as_("vera"), staged.build(world))


def test_three_weeks_of_points_are_drawn_as_few_and_asked_as_little(world, as_):
    moving, client = staged.build(world, stage=1), as_("vera")
    staged.points(moving, 40)
    few = _queries(client, moving)
    staged.points(moving, 600)
    assert _queries(client, moving) == few
    drawn = selectors.points(moving.rollout)
    assert len(drawn) <= 2 * selectors.rollouts.MOST_DRAWN
    assert drawn[-1] == moving.rollout.points.last()
    assert {each.pk for each in moving.rollout.points.filter(decided=True)} <= {each.pk for each in drawn}
    assert len(page(client, moving)) < 400_000


def test_as_many_queries_for_much_as_for_little(world, as_):
    moving, client = staged.build(world, stage=1), as_("chloe")
    staged.answered(moving, 1, (400, 41_000), (1, 9))
    few = _queries(client, moving)
    staged.answered(moving, 0, (1, 1), (1, 1))
    staged.pairs(moving, 300, 20, 4, 4)
    for number in range(20):
        staged.decision(moving.rollout, "move", f"decision {number}")
    many = _queries(client, moving)
    assert many == few
    assert many < 60


def _queries(client, moving) -> int:
    page(client, moving)
    with CaptureQueriesContext(connection) as asked:
        page(client, moving)
    return len(asked)


def test_hostile_words_stay_words(world, as_):
    moving = staged.build(world, stage=1)
    for text in hostiles.TEXTS:
        staged.decision(moving.rollout, "hold", text, decided_by=f"person/{text[:80]}")
    staged.proposal(moving, "move", hostiles.MARKUP)
    Rollout.objects.filter(pk=moving.rollout.pk).update(
        paused_at=moving.rollout.opened_at, paused_by=hostiles.MARKUP
    )
    html = page(as_("chloe"), moving)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    assert "{{ 7|add:7 }}" in html
