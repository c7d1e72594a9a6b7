"""What the page of a rollout says, for readers without statistics."""

from __future__ import annotations

from math import log

import pytest

from registry.charts import numbers
from releases import looks
from releases.rollout.designs.design import OFFERED, Design, Kind
from releases.rollout.designs.metrics import Action
from releases.rollout.documents.document import parse
from releases.rollout.overview import Needed
from releases.rollout.strategies import STRATEGIES
from releases.rollout.strategies.base import Aim, Finding, Verdict
from releases.web.rollout import bars, curves, values, words
from tests.unit.rollout import rollouts


def design(kind: str, **more: object) -> Design:
    return parse({"kind": kind, **more}, challenger="7", baseline="6")


def found(aim: Aim, times: float, of: float, peak: float = 0.0, **facts: object) -> Finding:
    return Finding("7", "errors", aim, log(times), log(peak or times), log(of), **facts)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 seconds"), (1, "1 second"), (59.6, "1 minute"), (340, "5 minutes 40 seconds"),
        (600, "10 minutes"), (3_600, "1 hour"), (90_000, "1 day 1 hour"), (86_400 + 120, "1 day"),
        (14 * 86_400, "14 days"),
    ],
)  # fmt: skip
def test_durations_have_two_parts_at_most(seconds, told):
    assert numbers.duration(seconds) == told


@pytest.mark.parametrize(
    ("times", "told"),
    [(0.3, "none yet"), (1, "none yet"), (1.3, "1.3 to 1"), (40, "40 to 1"), (1667, "1\u202f667 to 1"),
     (3e6, "over a million to 1")],
)  # fmt: skip
def test_evidence_is_told_as_odds(times, told):
    assert words.odds(log(times)) == told


def test_a_finding_is_told_with_how_much_it_takes_and_what_it_then_does():
    assert words.compared(found(Aim.WORSE, 40, 167, action=Action.ROLL_BACK)) == (
        "evidence 40 to 1, of the 167 to 1 that returns it"
    )
    assert "that holds it back" in words.compared(found(Aim.WORSE, 40, 167, action=Action.HOLD))
    assert "that shows it" in words.compared(found(Aim.SAFE, 40, 167))
    assert words.compared(found(Aim.SAFE, 2, 100, peak=120)) == "shown: 120 to 1, where 100 to 1 was needed"


def test_every_aim_has_its_claim_and_every_verdict_of_a_proposal_its_question():
    assert all(words.claim(found(aim, 2, 100), "6") for aim in Aim)
    asked = set(Verdict) - {Verdict.HOLD, Verdict.PROPOSE, Verdict.CLEAN, Verdict.FAULT}
    assert set(words.ASKS) == asked
    assert set(words.DOES) == set(looks.STRATEGIES) == set(Kind) == set(STRATEGIES)


def test_an_aa_run_says_that_both_are_the_same_and_what_a_difference_means():
    plan = rollouts.design(Kind.AA)
    (rung,) = values.planned(plan)
    assert "by version 7 and half by the same once more, which stands here as version 8" in rung.does
    assert "with a verdict on the measurement" in rung.ends
    assert "a fault of the measurement" in words.acts(plan)


@pytest.mark.parametrize("kind", OFFERED)
def test_every_stage_of_every_preset_says_what_it_does_and_what_ends_it(kind):
    made = design(kind)
    rungs = values.planned(made)
    assert len(rungs) == len(made.stages)
    assert all(rung.does.endswith(".") and rung.ends.endswith(".") for rung in rungs)
    assert all("version 7" in f"{rung.does} {rung.ends}".lower() for rung in rungs)


def test_a_canary_says_who_is_answered_by_what_and_for_how_long():
    shadow, first, *_, last = values.planned(design("canary"))
    assert shadow.does.startswith(
        "Clients are answered by version 6 alone. Version 7 is asked the same unseen"
    )
    assert first.label == "1 %"
    assert first.does.startswith("1 % of the units are answered by version 7 and 99 % by version 6.")
    assert first.lasts == "At least 10 minutes; after 6 hours a person is asked."
    assert last.ends == "When version 7 is shown to be as safe as allowed, it is promoted."


def test_where_a_person_is_asked_first_every_stage_says_so():
    asks = values.planned(design("canary", mode="propose"))
    assert all("a person is asked" in rung.ends for rung in asks)
    assert "before every step" in words.acts(design("canary", mode="propose"))


def test_several_versions_are_told_with_their_shares():
    told = values.planned(design("ab_test", against=[8], shares={"7": 0.2, "8": 0.3}, shadow=False))[0]
    assert told.label == "20 % + 30 %"
    assert "20 % of the units are answered by version 7, 30 %" in told.does
    assert "and 50 % by version 6" in told.does


def test_what_is_missing_is_told_in_units():
    told = words.missing(Needed(found(Aim.SAFE_IN_PAIRS, 2, 100), 3_120))
    assert told == "Errors: about 3\u202f120 more paired units without any."
    assert words.missing(Needed(found(Aim.WORSE, 2, 100), 1)).startswith("Errors: 1 more unit with errors")
    assert words.missing(Needed(found(Aim.SAFE, 200, 100), 0)) == "Errors: shown."
    assert "cannot be told" in words.missing(Needed(found(Aim.SAFE, 2, 100), None))


def test_a_bar_keeps_everything_inside_itself_whatever_the_evidence_is():
    strange = [found(Aim.WORSE, 1e-9, 100), found(Aim.WORSE, 1e200, 100), found(Aim.WORSE, 40, 100, peak=90)]
    drawn = bars.group("against-7", "Against version 7", strange, "6")
    places = [place for bar in drawn.bars for place in (bar.now, bar.peak, bar.threshold)]
    assert all(0 <= place <= 100 for place in [*places, *(tick.at for tick in drawn.ticks)])
    low, high, middle = drawn.bars
    assert (low.now, low.now_words, low.reached) == (0, "none yet", False)
    assert (high.reached, high.now_words) == (True, "over a million to 1")
    assert middle.now < middle.peak < middle.threshold
    assert drawn.ticks[0].label == "1 to 1"


def test_nothing_is_drawn_of_nothing():
    assert bars.group("for-7", "For version 7", [], "6") is None


def test_every_aim_has_a_curve_of_its_own_name():
    assert curves.LINES.keys() == set(Aim)
    assert len({label for label, _ in curves.LINES.values()}) == len(Aim)
