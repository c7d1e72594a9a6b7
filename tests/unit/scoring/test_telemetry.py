"""Latency histograms: cheap to fill, exact where they say so, and the same in whatever order they merge."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from scoring.telemetry import (
    BOUNDS_S,
    FINE_S,
    OVER_AFTER_S,
    STEPS,
    Cell,
    Meter,
    Meters,
    at_coarse_bounds,
    count,
    quantile,
)


def filled(latencies) -> Meter:
    meter = Meter()
    for latency in latencies:
        meter.answered([latency], 1)
    return meter


def drawn(seed: int, size: int) -> list[float]:
    return np.random.default_rng(seed).lognormal(-7.0, 1.2, size).tolist()


def test_the_fine_bounds_contain_the_coarse_ones():
    assert list(FINE_S) == sorted(set(FINE_S))
    assert FINE_S[STEPS::STEPS] == BOUNDS_S


def test_every_answer_is_in_exactly_one_bucket_and_the_coarse_counts_are_exact(seed):
    latencies = [*drawn(seed, 9000), *BOUNDS_S, 0.0, 1e-7, 11.0, 1000.0]
    meter = filled(latencies)

    assert meter.requests == len(latencies) == sum(meter.buckets.values())
    assert meter.seconds == pytest.approx(sum(latencies))
    wanted = np.histogram(np.nextafter(latencies, 0), bins=[-1, *BOUNDS_S, np.inf])[0]
    assert at_coarse_bounds(meter.buckets) == wanted.tolist()


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
def test_a_quantile_is_within_the_width_of_a_bucket(seed, q):
    latencies = drawn(seed, 20_000)

    assert quantile(filled(latencies).buckets, q) == pytest.approx(np.quantile(latencies, q), rel=0.06)


def test_a_quantile_of_nothing_is_nothing_and_of_what_is_too_slow_the_last_bound():
    assert quantile({}, 0.99) is None
    assert quantile(filled([1000.0]).buckets, 0.5) == BOUNDS_S[-1]


def test_merging_is_the_same_in_any_order_and_can_be_taken_away(seed):
    parts = [filled(drawn(seed + n, 300)) for n in range(5)]
    parts[2].failed("overloaded")
    documents = [json.loads(json.dumps(part.to_json())) for part in parts]
    forwards, backwards = Meter(), Meter()
    for document in documents:
        forwards.add(document)
    for document in reversed(documents):
        backwards.add(document)

    assert forwards.buckets == backwards.buckets
    assert forwards.requests == backwards.requests == 1501
    for document in documents[1:]:
        forwards.add(document, times=-1)
    assert +forwards.buckets == +filled_like(documents[0])


def filled_like(document):
    meter = Meter()
    meter.add(document)
    return meter.buckets


def test_a_run_whose_requests_came_by_different_arms_is_counted_apart():
    meters = Meters()
    cells = [Cell("m", 1, "champion"), Cell("m", 1, "internal")]
    exchanges = [
        SimpleNamespace(arrived=1.0, rows=n + 1, target=SimpleNamespace(meter=meters.cell(cells[n % 2])))
        for n in range(4)
    ]
    count(exchanges, 1.5, 10)

    assert [(meters.cell(cell).requests, meters.cell(cell).rows) for cell in cells] == [(2, 4), (2, 6)]


def test_what_has_counted_nothing_is_not_sent():
    meters = Meters()
    meters.cell(Cell("m", 1, "champion"))
    meters.cell(Cell("m", 2, "named")).failed("bad_tensor")

    assert [cell[:3] for cell in meters.to_json()["cells"]] == [["m", 2, "named"]]


# ---- revisions come and go


def counted(meters, revision, times=1, arm="champion"):
    for _ in range(times):
        meters.cell(Cell("m", 1, arm, revision)).answered([0.001], 1)


def test_the_revision_that_chose_the_arm_travels_with_its_counts():
    meters = Meters()
    counted(meters, 5, 2)
    counted(meters, 6, 3)
    read = Meters()
    read.add(json.loads(json.dumps(meters.to_json())))
    assert {cell.revision: meter.requests for cell, meter in read.cells.items()} == {5: 2, 6: 3}
    assert {cell: meter.requests for cell, meter in read.by_arm().cells.items()} == {
        Cell("m", 1, "champion"): 5
    }


def test_who_knows_of_no_revisions_adds_and_is_added():
    """A control plane or a node of the release before."""
    meters = Meters()
    counted(meters, 5, 2)
    counted(meters, 6, 3)
    rows = meters.to_json()["cells"]
    assert [row[:3] for row in rows] == [["m", 1, "champion"]] * 2
    for row in rows:
        del row[3]["revision"]
    read = Meters()
    read.add({"cells": rows, "refused": {}})
    assert read.cells[Cell("m", 1, "champion")].requests == 5


def test_a_revision_is_over_when_nobody_can_be_under_way_by_it():
    meters = Meters()
    counted(meters, 5)
    meters.cell(Cell("m", 1, "named")).answered([0.001], 1)
    meters.follow({"m": 5}, now=0.0)
    meters.follow({"m": 6}, now=10.0)
    counted(meters, 5)  # what was chosen before comes to its end
    assert meters.ended(10.0 + OVER_AFTER_S) == []
    (row,) = meters.ended(10.1 + OVER_AFTER_S)
    assert (row[:3], row[3]["revision"], row[3]["requests"]) == (["m", 1, "champion"], 5, 2)
    assert list(meters.cells) == [Cell("m", 1, "named")]


def test_a_revision_that_comes_back_is_not_over():
    meters = Meters()
    counted(meters, 5)
    meters.follow({"m": 6}, now=0.0)
    meters.follow({"m": 5}, now=1.0)
    assert meters.ended(1000.0) == []
