"""What a node tells of the units of a rollout: facts beside the counters, each once."""

from __future__ import annotations

import http.client
from collections import Counter
from contextlib import closing

import numpy as np
import pytest
from msgspec import structs

from formats.evidence import Fact
from formats.serving import Serving
from tests.scoring import models
from tests.scoring.nodes import arms, token, wait_for
from tests.scoring.telling import PLACES, UNITS, compared, version_of

INTERNAL = "assay_internal_of_ours"
LEAST = int(np.iinfo(np.int64).min)


def test_each_unit_is_told_of_once_under_its_arm_however_often_and_wherever_it_comes(started, store):
    told = started()
    told.serve(compared(store, slow_ms=(0.0, 60_000.0)))
    for unit in UNITS:
        told.ask(unit, times=3)
    facts = told.stop()
    assert {version_of(unit) for unit in UNITS} == {1, 2}
    assert sorted(facts) == sorted(Fact("seen", 1, version_of(unit), 0, PLACES[unit], 1) for unit in UNITS)


def test_answers_from_the_cache_are_evidence_like_others(started, store):
    told = started(workers=1)
    told.serve(compared(store, serving=Serving(cache_mb=1)))
    told.ask("user-0")
    with closing(told.node.client()) as client:
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}]}
        for unit in UNITS:
            answer = client.call("POST", "/v2/models/m/infer", body, {"X-Assay-Unit": unit})
            assert answer[0] == 200
        assert "desc=hit" in answer[1]["server-timing"]
    assert Counter(fact.unit for fact in told.stop()) == Counter(PLACES.values())


def test_a_failure_of_the_arm_is_told_and_a_mistake_of_the_client_is_not(started, store):
    told = started(workers=1)
    told.serve(compared(store, *[models.failing()] * 2))
    with closing(told.node.client()) as client:
        for unit, place, status in (("user-0", 1, 200), ("user-1", 7, 500), ("user-2", "x", 400)):
            body = {"inputs": [{"name": "x", "datatype": "INT64", "shape": [1], "data": [place]}]}
            assert client.call("POST", "/v2/models/m/infer", body, {"X-Assay-Unit": unit})[0] == status
    assert [(fact.kind, fact.unit, fact.value) for fact in told.stop()] == [
        ("seen", PLACES["user-0"], 0),
        ("seen", PLACES["user-1"], -1),
        ("errors", PLACES["user-1"], 0),
    ]


def test_an_answer_that_is_not_what_the_signature_promises_is_an_invalid_output(started, store):
    entry = compared(store, *[models.divider()] * 2)
    versions = {
        number: structs.replace(
            version,
            signature=structs.replace(
                version.signature,
                outputs=tuple(structs.replace(spec, finite=True) for spec in version.signature.outputs),
            ),
        )
        for number, version in entry.versions.items()
    }
    told = started(workers=1)
    told.serve(structs.replace(entry, versions=versions))
    told.ask("user-0", (2.0,))
    told.ask("user-0", (0.0,), status=500)
    assert [(fact.kind, fact.value) for fact in told.stop()] == [("seen", 0), ("invalid_outputs", 0)]


def test_a_full_queue_is_told_of_the_arm(started, store):
    told = started("--queue", "0", workers=1)
    told.serve(compared(store))
    told.ask("user-0", status=503)
    assert [(fact.kind, fact.value) for fact in told.stop()] == [("seen", -1), ("errors", 0)]


def test_a_request_that_waited_past_its_deadline_took_longer_than_every_threshold(started, store):
    told = started("--deadline-seconds", "0", workers=1)
    told.serve(compared(store, slow_ms=(1.0, 2.0)))
    told.ask("user-0", status=504)
    assert [(fact.kind, fact.value) for fact in told.stop()] == [("seen", 2), ("timeouts", 0)]


def test_calls_by_name_and_our_own_are_no_evidence(started, store):
    told = started(workers=1)
    told.serve(compared(store), [token(INTERNAL, internal=True)])
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}]}
    with closing(told.node.client()) as client:
        assert client.call("POST", "/v2/models/m/infer", body, auth=INTERNAL)[0] == 200
        assert client.infer("m", version=2, parameters={"unit": "user-0"})[0] == 200
    assert told.stop() == []


def test_where_answers_to_clients_are_no_evidence_the_node_still_says_that_it_told_everything(started, store):
    told = started(workers=1)
    told.serve(compared(store, split=arms((1, 1.0)), counted=False))
    told.ask("user-0")
    assert told.stop() == []


def divided(store, **rollout):
    """The challenger is killed by what the baseline divides safely."""
    return compared(store, models.divides_safely(), models.divides(), **rollout)


def unit_of(version, skip=0):
    return [unit for unit in UNITS if version_of(unit) == version][skip]


def divide(told, unit, x, d):
    tensors = [
        {"name": name, "datatype": "INT64", "shape": [1, 1], "data": [value]}
        for name, value in (("x", x), ("d", d))
    ]
    body = {"inputs": tensors, "parameters": {"unit": unit}}
    with closing(told.node.client()) as client:
        return client.call("POST", "/v2/models/m/infer", body)[0]


def kill(told, unit):
    """A body of its own for each unit, so that it is not known as poison."""
    restarts = told.node.facts()["restarts"]
    with pytest.raises((http.client.HTTPException, OSError)):
        divide(told, unit, LEAST, -1)
    wait_for(lambda: told.node.facts()["restarts"] > restarts and told.node.all_joined(), "the heir")


def test_what_a_dead_worker_took_with_it_is_an_error_of_the_arm(started, store):
    told = started(workers=1)
    told.serve(divided(store))
    kill(told, unit_of(2))
    facts = told.stop()
    assert [(fact.kind, fact.version, fact.unit, fact.value) for fact in facts] == [
        ("seen", 2, PLACES[unit_of(2)], -1),
        ("errors", 2, PLACES[unit_of(2)], 0),
    ]


def test_who_is_killed_by_a_request_unheard_was_bad_alone(started, store):
    told = started(workers=1)
    told.serve(divided(store, split=arms((1, 1.0)), counted=False, pair=1.0, mirrors=(2,)))
    assert divide(told, "user-0", 7, -1) == 200
    restarts = told.node.facts()["restarts"]
    assert divide(told, "user-1", LEAST, -1) == 200
    wait_for(lambda: told.node.facts()["restarts"] > restarts and told.node.all_joined(), "the heir")
    bad = [fact for fact in told.stop() if fact.unit == PLACES["user-1"]]
    assert [(fact.kind, fact.version, fact.about, fact.value) for fact in bad] == [
        ("paired", 1, 2, 0),
        ("differed", 1, 2, 0),
        ("alone/errors", 1, 2, 1),
    ]


def test_what_the_fallback_answers_is_an_error_of_the_arm_that_was_given_up(started, store):
    told = started(workers=1)
    told.serve(divided(store, fallback=1))
    for number in range(3):
        kill(told, unit_of(2, number))
    wait_for(lambda: divide(told, unit_of(2, 3), 7, 2) == 200, "the fallback")
    facts = [fact for fact in told.stop() if fact.unit == PLACES[unit_of(2, 3)]]
    assert [(fact.kind, fact.version, fact.value) for fact in facts] == [("seen", 2, -1), ("errors", 2, 0)]
