"""The measure of confidence sets, on a small one: all of its rows are asked, in large calls."""

from __future__ import annotations

from benchmarks import confidence
from benchmarks.capacity import Pace


def test_all_rows_are_asked_in_large_calls_beside_bare_runs(tmp_path):
    (found,) = confidence.measure(tmp_path, Pace(seconds=0.1, rounds=1), ["W2"], rows=6000)
    assert found.name.startswith("W2, confidence set of 6,000 rows")
    assert "4,096 rows a call, 200 of them again alone" in found.detail
    assert (found.reach, found.least) == (0.8, True)
    assert 0 < found.value < 20
