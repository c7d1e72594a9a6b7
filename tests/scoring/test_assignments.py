"""Under a bandit a client may keep its version while the weights move, whichever face it asks by."""

from __future__ import annotations

import json
from contextlib import closing

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc import service_pb2_grpc as stubs

from formats.features import Feature
from formats.plan import RENDEZVOUS
from formats.types import Signature, TensorSpec
from scoring.assignments import Assigner, Assignment
from scoring.request_ids import BY_NAME, KEPT, model_tag, parse
from scoring.routing import chooser, evenly, rendezvous
from tests.scoring.doors import GrpcDoor
from tests.scoring.nodes import REQUEST_KEY, TOKEN, arms, plan, token, wait_for
from tests.scoring.telling import PLACES, UNITS, compared

OURS = Assigner(REQUEST_KEY, model_tag("m"), b"salt")
MOST_TO_NEW, MOST_TO_OLD = arms((2, 63 / 64), (1, 1 / 64)), arms((2, 1 / 64), (1, 63 / 64))
FACES = {
    "/v2/models/m/infer": {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}]
    },
    "/score/m": {"inputs": {"x": [[1.0, 2.0]]}},
    "/invocations/m": {"inputs": [[1.0, 2.0]]},
    "/mlflow/m/invocations": {"inputs": [[1.0, 2.0]]},
}
V2 = "/v2/models/m/infer"


def bandit(store, split, revision=1, **rollout):
    return structs.replace(compared(store, split=split, **rollout), revision=revision, hashing=RENDEZVOUS)


def ask(told, unit=None, text=None, path=V2, status=200):
    """The id of the answer, what it says of the assignment, and the value: 1 or 2 as the version."""
    headers = {"X-Assay-Unit": unit, "X-Assay-Assignment": text}
    with closing(told.node.client()) as client:
        answer = client.call("POST", path, FACES[path], {n: v for n, v in headers.items() if v is not None})
    assert answer[0] == status, answer
    said = parse(answer[1]["x-assay-request-id"], REQUEST_KEY)
    return said, answer[1].get("x-assay-assignment")


def moved(told, entry, sequence):
    """The next weights, in force in all workers."""
    told.valkey.publish(plan(sequence, {"m": entry}))
    wait_for(
        lambda: (told.valkey.heartbeat() or {})["models"]["m"]["revision"] == entry.revision, "new weights"
    )


@pytest.fixture
def told(started):
    return started()


@pytest.fixture
def bandits(told, store):
    told.entry = bandit(store, MOST_TO_OLD)
    told.serve(told.entry)
    return told


def who_moves():
    """A unit that answers come to from 2 under the first weights, and from 1 under the second."""
    before, after = rendezvous(MOST_TO_NEW, b"salt"), rendezvous(MOST_TO_OLD, b"salt")
    return next(u for u in UNITS if before(PLACES[u]) == 0 and after(PLACES[u]) == 1)


def test_who_brings_its_assignment_back_keeps_its_version_by_every_face(told, store, tmp_path):
    unit = who_moves()
    told.serve(bandit(store, MOST_TO_NEW))
    first, text = ask(told, unit)
    assert (first.version, first.revision, text.split(".")[:2]) == (2, 1, ["1", "2"])
    assert {ask(told, unit, path=path)[1] for path in FACES} == {text}

    moved(told, bandit(store, MOST_TO_OLD, revision=2), 2)

    for path in FACES:
        again, said = ask(told, unit, text, path)
        assert (again.version, again.revision, again.arm, said) == (2, 1, KEPT, text)
        without, other = ask(told, unit, path=path)
        assert (without.version, without.revision, other.split(".")[:2]) == (1, 2, ["2", "1"])
    door = GrpcDoor(tmp_path, f"http://127.0.0.1:{told.node.port}").start()
    try:
        assert by_grpc(door, unit, text) == (2, text)
        assert by_grpc(door, unit, None) == (1, other)
    finally:
        door.stop()


def by_grpc(door, unit, text):
    """The version that answers, and what the call's metadata says beside it."""
    message = messages.ModelInferRequest(model_name="m")
    message.inputs.add(name="x", datatype="FP32", shape=[1, 2]).contents.fp32_contents.extend([1, 2])
    message.parameters["unit"].string_param = unit
    sent = {"authorization": f"Bearer {TOKEN}", **({"x-assay-assignment": text} if text else {})}
    with grpc.insecure_channel(door.address) as channel:
        stub = stubs.GRPCInferenceServiceStub(channel)
        answer, call = stub.ModelInfer.with_call(message, metadata=tuple(sent.items()))
    return int(answer.model_version), dict(call.trailing_metadata())["x-assay-assignment"]


def test_who_names_no_unit_is_given_one_with_its_assignment(told, store):
    told.serve(bandit(store, arms((2, 0.5), (1, 0.5))))
    first, text = ask(told)
    again, said = ask(told, text=text)

    assert (again.unit, again.version, said) == (first.unit, first.version, text)
    assert ask(told)[0].unit != first.unit
    assert [fact.unit for fact in told.stop()].count(first.unit) == 1


def test_what_was_kept_is_told_under_the_revision_that_gave_it(told, store):
    unit = who_moves()
    told.serve(bandit(store, MOST_TO_NEW))
    text = OURS.make(Assignment(1, 2, PLACES[unit])).decode()
    moved(told, bandit(store, MOST_TO_OLD, revision=2, pair=1.0, mirrors=(1, 2)), 2)
    ask(told, unit, text)

    seen, paired = sorted(told.stop(), key=lambda fact: fact.kind, reverse=True)[:2]
    assert (seen.kind, seen.revision, seen.version) == ("seen", 1, 2)
    assert (paired.kind, paired.revision, paired.version) == ("paired", 1, 2)


def test_a_version_that_plays_no_more_keeps_nobody(told, store):
    unit = who_moves()
    told.serve(bandit(store, arms((2, 0.0), (1, 1.0)), even=0.01))
    given = OURS.make(Assignment(1, 2, PLACES[unit])).decode()

    found, said = ask(told, unit, given)
    assert (found.version, said.split(".")[:2]) == (1, ["1", "1"])


NOT_OURS = {
    "forged": "1.2.AAAAAAAAAAAAAAAA",
    "of another unit": OURS.make(Assignment(1, 2, 17)).decode(),
    "of a unit that nobody named": OURS.make(Assignment(1, 2, 17, named=False)).decode(),
    "of another rollout": Assigner(REQUEST_KEY, model_tag("m"), b"other").make(Assignment(1, 2, 1)).decode(),
    "no text of that form": "2",
    "empty": "",
    "beyond all measure": "1.2." + "A" * 5000,
    "of other bytes": "1.2.\x80\xff\xfe",
}


def test_what_is_not_this_units_is_as_if_it_were_not_there(bandits):
    unit = who_moves()
    plain, said = ask(bandits, unit)

    for name, text in NOT_OURS.items():
        found, again = ask(bandits, unit, text)
        assert (found.version, found.revision, found.arm, again) == (1, 1, plain.arm, said), name


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=100).filter(lambda raw: not set(raw) & set(b"\r\n\0")))
def test_whatever_stands_in_the_header_the_weights_decide_or_the_field_is_refused_as_http(bandits, raw):
    with closing(bandits.node.client()) as client:
        fields = {"X-Assay-Unit": UNITS[0], "X-Assay-Assignment": raw}
        status, headers, _ = client.call("POST", V2, FACES[V2], fields)

    assert status in {200, 400}
    if status == 200:
        version = chooser(bandits.entry)(PLACES[UNITS[0]])
        assert headers["x-assay-assignment"].split(".")[1] == str(bandits.entry.arms[version].version)


def test_our_own_calls_and_those_by_number_keep_nothing_and_are_told_of_nothing(told, store):
    internal = token("assay_internal_of_ours", internal=True)
    told.serve(bandit(store, MOST_TO_OLD), [internal])
    unit = who_moves()
    fields = {"X-Assay-Unit": unit, "X-Assay-Assignment": OURS.make(Assignment(1, 2, PLACES[unit])).decode()}
    with closing(told.node.client()) as client:
        ours = client.call("POST", V2, FACES[V2], fields, auth="assay_internal_of_ours")
        by_number = client.call("POST", "/v2/models/m/versions/1/infer", FACES[V2], fields)

    assert [answer[2]["model_version"] for answer in (ours, by_number)] == ["1", "1"]
    assert not any("x-assay-assignment" in answer[1] for answer in (ours, by_number))
    assert parse(by_number[1]["x-assay-request-id"], REQUEST_KEY).arm == BY_NAME


def test_where_shares_only_grow_there_is_nothing_to_bring_back(told, store):
    told.serve(compared(store, split=MOST_TO_OLD))

    assert ask(told, who_moves(), OURS.make(Assignment(1, 2, PLACES[who_moves()])).decode())[1] is None


def test_where_what_is_asked_decides_every_face_gives_the_same_and_nothing_to_bring_back(told, store):
    """The context is that of the first row; propensities are those of what was asked."""
    named = TensorSpec("x", "FP32", (-1, 2), features=("age", "height"))
    entry = bandit(store, arms((2, 0.5), (1, 0.5)), even=0.1, features=(Feature("age", cuts=(30.0,)),))
    versions = {
        number: structs.replace(each, signature=Signature((named,), each.signature.outputs))
        for number, each in entry.versions.items()
    }
    parts = [
        structs.replace(arm, contexts=each) for arm, each in zip(entry.arms, ((64, 0), (0, 64)), strict=True)
    ]
    entry = structs.replace(entry, versions=versions, arms=tuple(parts))
    told.serve(entry)
    is_even = evenly(entry)
    unit = next(unit for unit in UNITS if not is_even(PLACES[unit]))
    alike = next(unit for unit in UNITS if is_even(PLACES[unit]))
    for asked, answers in ((20.0, 2), (60.0, 1)):
        for path, body in FACES.items():
            text = json.dumps(body).replace("1.0, 2.0", f"{asked}, 2.0")
            with closing(told.node.client()) as client:
                status, headers, _ = client.call("POST", path, json.loads(text), {"X-Assay-Unit": unit})
            assert status == 200
            assert "x-assay-assignment" not in headers
            assert parse(headers["x-assay-request-id"], REQUEST_KEY).version == answers
    told.ask(alike, (60.0, 2.0))
    facts = told.stop()
    assert [
        (fact.version, fact.value) for fact in facts if fact.kind == "context" and fact.unit == PLACES[unit]
    ] == [(2, 0)]
    assert {fact.unit for fact in facts if fact.kind == "seen"} == {PLACES[alike]}
