"""The pictures of docs/decisions.md are those that the simulations draw."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from benchmarks.decisions import pictures
from benchmarks.decisions.drawing import Frame, Line, draw


@pytest.mark.parametrize("name", ["bandit", "interval", "ladder", "rollback"])
def test_the_page_shows_what_is_drawn_today(name):
    assert pictures.place(name).read_text() == pictures.drawn(name)


def test_names_of_lines_that_end_together_do_not_cover_each_other():
    lines = [Line(f"<{n}>", "ours", [0.0, 10.0], [5.0, 0.0]) for n in range(3)]
    drawn = draw(Frame("a & b", "units", " %", 0, 10), lines, "three lines")

    named = re.findall(r'y="([0-9.]+)">&lt;(\d)&gt;<', drawn)
    places = [float(y) for y, _ in named]
    assert [name for _, name in named] == ["0", "1", "2"]
    assert min(below - above for above, below in pairwise(places)) >= 15
    assert places[-1] < 270
    assert "a &amp; b" in drawn
