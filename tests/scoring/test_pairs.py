"""Both answers to one request: what a node tells of a challenger beside the baseline."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from msgspec import structs
from onnx import helper

from formats.plan import WHOLE, PlannedRollout
from formats.serving import Serving
from scoring.routing import PAIRED, drawer
from tests.scoring import models
from tests.scoring.load import Load
from tests.scoring.nodes import arms, model, wait_for
from tests.scoring.telling import PLACES, UNITS, compared, version_of

SHADOW = {"split": arms((1, 1.0)), "counted": False, "pair": 1.0, "mirrors": (2,)}
BOTH = {"pair": 1.0, "mirrors": (2, 1)}


def said(facts, kinds=("paired", "differed", "alone/errors", "alone/timeouts", "alone/invalid_outputs")):
    """Unit -> what was told of its pair, by kind."""
    found = {}
    for fact in facts:
        if fact.kind in kinds:
            assert fact.about == 2
            found.setdefault(fact.unit, {})[fact.kind] = fact.value
    return found


def test_in_a_shadow_the_clients_answer_is_compared_with_the_one_that_nobody_hears(started, store):
    told = started()
    told.serve(compared(store, models.linear((1.0, 0.0)), models.linear((1.0, 1.0)), **SHADOW))
    told.ask("user-0", (1.0, 0.0), times=2)
    told.ask("user-1", (1.0, 0.0))
    told.ask("user-1", (1.0, 2.0))
    facts = told.stop()
    assert said(facts) == {PLACES["user-0"]: {"paired": 0}, PLACES["user-1"]: {"paired": 0, "differed": 0}}
    assert {fact.version for fact in facts} == {1}
    assert len(facts) == 3


def test_in_a_split_the_other_version_is_asked_whichever_answers(started, store):
    told = started(workers=1)
    told.serve(compared(store, **BOTH))
    for unit in UNITS:
        told.ask(unit)
    facts = told.stop()
    assert said(facts) == {place: {"paired": 0, "differed": 0} for place in PLACES.values()}
    pairs = {(fact.unit, fact.version) for fact in facts if fact.kind == "paired"}
    assert pairs == {(PLACES[unit], version_of(unit)) for unit in UNITS}


def test_within_the_tolerance_two_answers_are_the_same(started, store):
    told = started(workers=1)
    tolerances = {"atol": 0.0, "rtol": 0.0, "outputs": {"y": {"atol": 0.5, "rtol": 0.0}}}
    told.serve(compared(store, second=models.constant(1.4), **BOTH, tolerances=tolerances))
    told.ask("user-0")
    assert said(told.stop()) == {PLACES["user-0"]: {"paired": 0}}


def scored(score):
    """A label that is the same for all, and a score of its own."""
    return models.graph(
        [
            helper.make_node("ReduceSum", ["x", "axes"], ["label"]),
            helper.make_node("Add", ["label", "by"], ["score"]),
        ],
        [("x", models.FLOAT, ["n", 2])],
        [("label", models.FLOAT, ["n", 1]), ("score", models.FLOAT, ["n", 1])],
        {"axes": np.array([1], np.int64), "by": np.array([score], np.float32)},
    )


@pytest.mark.parametrize(("named", "differed"), [((), {"differed": 0}), (("label",), {})])
def test_answers_differ_in_the_outputs_that_the_rollout_names(started, store, named, differed):
    told = started(workers=1)
    told.serve(compared(store, scored(0.2), scored(0.3), **BOTH, compare=named))
    told.ask("user-0")
    assert said(told.stop()) == {PLACES["user-0"]: {"paired": 0, **differed}}


@pytest.mark.parametrize("swapped", [False, True])
def test_a_failure_of_one_alone_is_told_whoever_answers_the_client(started, store, swapped):
    """Units of both arms: the one that fails answers some of them, and is asked unheard by others."""
    pair = [models.linear((1.0, 1.0)), gathers_to_one()]
    told = started(workers=1)
    told.serve(compared(store, *(reversed(pair) if swapped else pair), **BOTH))
    failing = 1 if swapped else 2
    for unit in UNITS[:6]:
        told.ask(unit, (0.0, 7.0), status=500 if version_of(unit) == failing else 200)
    assert {version_of(unit) for unit in UNITS[:6]} == {1, 2}
    expected = {"paired": 0, "differed": 0, "alone/errors": int(not swapped)}
    assert said(told.stop()) == {PLACES[unit]: expected for unit in UNITS[:6]}


def gathers_to_one():
    """Takes and gives what `linear` does, and fails at 7."""
    return models.graph(
        [
            helper.make_node("Cast", ["x"], ["places"], to=models.INT64),
            helper.make_node("Gather", ["table", "places"], ["rows"]),
            helper.make_node("ReduceMean", ["rows"], ["y"], axes=[1], keepdims=0),
        ],
        [("x", models.FLOAT, ["n", 2])],
        [("y", models.FLOAT, ["n", 1])],
        {"table": np.array([[1.0], [2.0]], np.float32)},
    )


def test_what_both_fail_at_differs_in_nothing(started, store):
    told = started(workers=1)
    told.serve(compared(store, *[gathers_to_one()] * 2, **SHADOW))
    told.ask("user-0", (0.0, 7.0), status=500)
    assert said(told.stop()) == {PLACES["user-0"]: {"paired": 0}}


def test_a_challenger_that_does_not_take_what_the_baseline_answers_fails(started, store):
    told = started(workers=1)
    told.serve(compared(store, second=models.linear((1.0, 2.0, 3.0)), **BOTH))
    asked = UNITS[:6]
    for unit in asked:
        told.ask(unit, status=400 if version_of(unit) == 2 else 200)
    facts = told.stop()
    assert {version_of(unit) for unit in asked} == {1, 2}
    assert said(facts) == {PLACES[unit]: {"paired": 0, "differed": 0, "alone/errors": 1} for unit in asked}
    assert not [fact for fact in facts if fact.kind == "errors"], "to the client it was a mistake of its own"


def test_what_the_baseline_does_not_take_is_evidence_of_nothing(started, store):
    told = started(workers=1)
    told.serve(compared(store, first=models.linear((1.0, 2.0, 3.0)), **BOTH))
    for unit in UNITS[:6]:
        told.ask(unit, status=400 if version_of(unit) == 1 else 200)
    assert said(told.stop()) == {}


def test_an_answer_from_the_cache_is_compared_too(started, store):
    told = started(workers=1)
    told.serve(compared(store, serving=Serving(cache_mb=1), **SHADOW))
    with closing(told.node.client()) as client:
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}]}
        for unit in UNITS[:3]:
            answer = client.call("POST", "/v2/models/m/infer", body, {"X-Assay-Unit": unit})
            assert answer[0] == 200
        assert "desc=hit" in answer[1]["server-timing"]
    facts = told.stop()
    assert said(facts) == {PLACES[unit]: {"paired": 0, "differed": 0} for unit in UNITS[:3]}


def test_requests_that_run_together_are_compared_each_with_its_own(started, store):
    """Every eighth differs: were rows mixed up, others would."""
    told = started(workers=1)
    told.serve(compared(store, models.linear((1.0, 0.0)), models.linear((1.0, 1.0)), **SHADOW))
    body = [
        b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[%d,%d]}],"parameters":{"unit":"%b"}}'
        % (number, number % 8 == 0, unit.encode())
        for number, unit in enumerate(UNITS)
    ]
    with told.node.connect() as connection:
        for each in body:
            connection.sendall(
                b"POST /v2/models/m/infer HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer assay_t_secret\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(each), each)
            )
        received = b""
        while received.count(b"HTTP/1.1 200") < len(body):
            received += connection.recv(1 << 16)
    facts = said(told.stop())
    assert facts == {
        PLACES[unit]: {"paired": 0, "differed": 0} if number % 8 == 0 else {"paired": 0}
        for number, unit in enumerate(UNITS)
    }


def test_a_share_of_units_is_paired_by_a_draw_of_its_own(started, store):
    told = started(workers=1)
    told.serve(compared(store, **{**BOTH, "pair": 0.5}))
    for unit in UNITS:
        told.ask(unit)
    facts = told.stop()
    paired = said(facts, ("paired",))
    draw = drawer(b"salt", PAIRED)
    assert set(paired) == {place for place in PLACES.values() if draw(place) < WHOLE // 2}
    assert 5 < len(paired) < 25


def test_pairs_that_nobody_has_time_for_are_dropped_and_counted_and_nobody_waits(started, store):
    told = started("--mirrored", "4", workers=1)
    told.serve(compared(store, models.slow(2, 2), models.slow(2000, 2), **SHADOW))

    def dropped():
        with closing(told.node.client()) as client:
            text = client.call("GET", "/metrics", auth=None)[2].decode()
        return 'arm="mirror",code="mirror_dropped"' in text

    with Load(told.node, "m", clients=4) as load:
        wait_for(dropped, "dropped pairs")
    assert load.failures == []
    told.stop()


def test_a_version_beside_itself_is_told_apart_by_nobody_but_the_counters(started, store):
    """Clients hear one number, by whatever form they ask; units and pairs are those of two arms."""
    told = started(workers=1)
    live = store.version(1, models.constant(1.0))
    again = structs.replace(live, number=0, again=1)
    halves = arms((0, 0.5), (1, 0.5))
    rollout = PlannedRollout(id=7, baseline=1, challengers=(0,), pair=1.0)
    told.serve(model(1, [again, live], halves, mirrors=(0, 1), rollout=rollout))
    with closing(told.node.client()) as client:
        for unit in UNITS:
            answer = client.infer("m", (1.0, 2.0), parameters={"unit": unit})[2]
            assert answer["model_version"] == "1"
        assert client.call("GET", "/v2/models/m")[2]["versions"] == ["1"]
    facts = told.stop()
    assert {fact.version for fact in facts if fact.kind == "seen"} == {0, 1}
    paired = {(fact.kind, fact.about) for fact in facts if fact.kind in ("paired", "differed")}
    assert paired == {("paired", 0)}
