"""The table and the pictures of docs/decisions.md: from the committed results, and every row can be run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.decisions import pictures, table
from benchmarks.decisions.__main__ import PAGE, RESULTS
from benchmarks.decisions.catalog import ROWS
from benchmarks.decisions.drawing import powers
from benchmarks.decisions.rows import Found, Row, dice, kept, shares_of
from benchmarks.decisions.streams import first, least, mixed, streams


def row(**changes):
    return Row(
        **({"number": 8, "measure": "m", "goal": "g", "limit": "l", "usual": "u", "run": print} | changes)
    )


def test_the_page_shows_the_committed_results():
    document = json.loads(RESULTS.read_text())
    assert table.between_markers(PAGE.read_text(), table.markdown(document)) == PAGE.read_text()


def test_every_committed_row_can_be_run_again():
    for found in json.loads(RESULTS.read_text())["rows"]:
        assert found["number"] in ROWS
        assert f"--rows {found['number']} --seed" in found["command"]


def test_a_missed_goal_is_said_to_be_missed():
    found = kept(row(), Found("worse", False), seed=0, quick=True, seconds=1.23)
    assert found["command"] == "python -m benchmarks.decisions --quick --rows 8 --seed 0"
    assert "**missed**" in table.markdown({"rows": [found]})
    assert "quick form so far: 8" in table.markdown({"rows": [found]})
    assert "[reached]" in table.plain({**found, "reached": True})


def test_a_row_has_its_own_chance_and_seed_0_is_a_seed():
    one, again, other = (dice(seed, number).random(3).tolist() for seed, number in ((0, 8), (0, 8), (1, 8)))
    assert one == again != other
    assert dice(0, 9).random(3).tolist() != one
    assert shares_of(28, 4000) == "0.70 % (28/4,000)"


def test_streams_have_the_rates_they_were_asked_for():
    rate, side = mixed(0.05, 0.02, 0.01)
    assert (rate, side) == (pytest.approx(0.0105), pytest.approx(0.001 / 0.0105))
    (stream,) = streams(dice(1, 1), 20, 100_000, rate, side)
    events = (stream.at <= 100_000).sum() / 20
    assert events == pytest.approx(1050, rel=0.03)
    assert (stream.new[:, -1] / (stream.new + stream.old)[:, -1]).mean() == pytest.approx(side, rel=0.05)


def test_the_limit_is_that_of_the_table():
    assert least(0.05, 0.02, 0.01) == pytest.approx(25_129, rel=1e-4)


def test_the_first_passage_is_the_first_and_within_the_horizon():
    at = np.array([[10.0, 20.0, 30.0]] * 3)
    log_e = np.array([[0.0, 5.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 9.0]])
    assert first(at, log_e, 4.6, horizon=25).tolist() == [20.0, np.inf, np.inf]


def test_powers_of_ten_are_named_as_numbers():
    found = powers([-2.5, 3.3])
    assert [tick.label for tick in found.ticks] == ["1/100", "1/10", "1", "10", "100", "1,000"]
    assert [tick.at for tick in found.ticks] == sorted((tick.at for tick in found.ticks), reverse=True)


def test_its_page_shows_every_picture():
    for name in pictures.DRAWN:
        assert f"({pictures.place(name).name})" in pictures.page(name).read_text()
        assert pictures.place(name).exists()
