"""The prediction log of a real node: what clients were told is in the store, by digest, announced once."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import math
import string
import uuid
from contextlib import closing

import boto3
import pytest
import redis
from msgspec import structs

from formats.serving import Serving
from formats.types import Signature, TensorSpec
from scoring.artifacts import blob_path
from scoring.control import Part, Sample, Sampled
from scoring.node.outbox import prediction_log, segments
from scoring.node.outbox.prediction_log import PredictionLog
from scoring.node.stores import LocalStore
from tests.scoring import models
from tests.scoring.nodes import Node, arms, model, wait_for
from tests.scoring.telling import UNITS, compared

QUARTER = arms((2, 0.25), (1, 0.75))


@pytest.fixture
def stream(redis_url):
    """The counters of an environment of this test's own."""
    environment = f"e{uuid.uuid4().hex[:12]}"
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    yield (
        environment,
        lambda: [json.loads(fields["batch"]) for _, fields in client.xrange(f"assay:{environment}:counters")],
    )
    client.close()


def asked(node, client, times, unit="user-17"):
    """The ids of as many answers, and what each said."""
    told = {}
    for number in range(times):
        answer = client.infer("m", [number, 1.0], parameters={"unit": unit})[2]
        told[answer["parameters"]["request_id"]] = answer["outputs"][0]["data"]
    return told


def announced(flushes):
    return [segment for flush in flushes for segment in flush.get("segments", ())]


def _share_of(request_id: str) -> float:
    """Where between 0 and 1 the last four characters of an id stand, in the order of their codes."""
    letters = "".join(sorted(string.ascii_letters + string.digits + "-_"))
    level = 0
    for letter in request_id[-4:]:
        level = level * len(letters) + letters.index(letter)
    return level / len(letters) ** 4


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_every_answer_whose_id_says_so_is_in_the_store(tmp_path, store, redis_url, stream, share):
    environment, flushes = stream
    node = Node(tmp_path, store, extra=["--redis", redis_url, "--environment", environment]).start()
    try:
        version = store.version(3, models.linear(), serving=Serving(log_share=share))
        node.serve({"m": model(1, [version])}, environment=environment)
        with closing(node.client()) as client:
            told = asked(node, client, 60)
        assert node.facts()["log"] == {"bytes": pytest.approx(0, abs=1 << 20), "dropped": 0, "problem": ""}
    finally:
        node.stop()

    [segment] = announced(flushes())
    content = (store.root / blob_path(segment["digest"])).read_bytes()
    assert hashlib.sha256(content).hexdigest() == segment["digest"]
    found = {facts["request_id"]: (facts, tensors) for facts, tensors in segments.unpack(io.BytesIO(content))}
    kept = {each for each in told if _share_of(each) < share}
    assert set(found) == kept
    assert (segment["model"], segment["version"], segment["size"]) == ("m", 3, len(content))
    assert (segment["requests"], segment["rows"]) == (len(kept), len(kept))
    assert len({facts["unit"] for facts, _ in found.values()}) == 1
    assert all(facts["arm"] == "champion" and facts["latency_us"] > 0 for facts, _ in found.values())
    outputs = {
        each: tensors[next(n for n in tensors if n.startswith("outputs/"))]
        for each, (_, tensors) in found.items()
    }
    assert {each: array.reshape(-1).tolist() for each, array in outputs.items()} == {
        each: pytest.approx(told[each]) for each in kept
    }


def test_both_answers_to_a_request_are_in_the_log_joined_by_its_id(tmp_path, store, redis_url, stream):
    environment, flushes = stream
    node = Node(tmp_path, store, extra=["--redis", redis_url, "--environment", environment]).start()
    try:
        always = Serving(log_share=1.0)
        entry = compared(store, serving=always, pair=1.0, mirrors=(1, 2), even=0.2, split=QUARTER)
        node.serve({"m": entry}, environment=environment)
        with closing(node.client()) as client:
            said = {u: client.infer("m", parameters={"unit": u})[1]["x-assay-request-id"] for u in UNITS}
            by_number = client.infer("m", version=2)[1]["x-assay-request-id"]
    finally:
        node.stop()

    rows = [
        {**facts, "version": segment["version"], **tensors}
        for segment in announced(flushes())
        for facts, tensors in segments.unpack(
            io.BytesIO((store.root / blob_path(segment["digest"])).read_bytes())
        )
    ]
    told = {row["request_id"]: row for row in rows if not row["shadow"]}
    shadows = {row["request_id"]: row for row in rows if row["shadow"]}
    assert (set(told), set(shadows)) == ({*said.values(), by_number}, set(said.values()))
    assert all(math.isnan(row["propensity"]) for row in (*shadows.values(), told.pop(by_number)))
    assert {row["version"]: row["propensity"] for row in told.values()} == {
        2: pytest.approx(0.3),
        1: pytest.approx(0.7),
    }
    for request_id, row in told.items():
        shadow = shadows[request_id]
        assert {row["version"], shadow["version"]} == {1, 2}
        assert (row["unit"], row["revision"], row["rows"]) == (shadow["unit"], 1, shadow["rows"])
        assert (shadow["arm"], shadow["inputs/x"]) == ("mirror", None)
        assert [each["outputs/y"].item() for each in (row, shadow)] == [row["version"], shadow["version"]]


def test_what_one_policy_does_not_keep_of_a_shadow_is_not_kept(tmp_path, store, redis_url, stream):
    environment, flushes = stream
    node = Node(tmp_path, store, extra=["--redis", redis_url, "--environment", environment]).start()
    try:
        entry = compared(store, serving=Serving(log_share=1.0), pair=1.0, mirrors=(2,), split=arms((1, 1.0)))
        quiet = structs.replace(entry.versions[2], serving=Serving())
        entry = structs.replace(entry, versions={1: entry.versions[1], 2: quiet})
        node.serve({"m": entry}, environment=environment)
        with closing(node.client()) as client:
            asked(node, client, 5)
    finally:
        node.stop()

    assert [(segment["version"], segment["requests"]) for segment in announced(flushes())] == [(1, 5)]


def test_segments_go_to_s3_too(tmp_path, store, redis_url, stream, s3_server, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket, s3 = f"t{uuid.uuid4().hex}", boto3.client("s3", endpoint_url=s3_server.url)
    s3.create_bucket(Bucket=bucket)
    version = store.version(1, models.linear(), serving=Serving(log_share=1.0))
    for ref in version.artifacts():
        s3.upload_file(str(store.root / blob_path(ref.sha256)), bucket, f"team/{blob_path(ref.sha256)}")
    environment, flushes = stream
    extra = ["--redis", redis_url, "--environment", environment]
    where = ["--store", f"s3://{bucket}/team", "--s3-endpoint", s3_server.url]
    node = Node(tmp_path, store, extra=[*extra, *where]).start()
    try:
        node.serve({"m": model(1, [version])}, environment=environment)
        with closing(node.client()) as client:
            told = asked(node, client, 20)
    finally:
        node.stop()

    [segment] = announced(flushes())
    body = s3.get_object(Bucket=bucket, Key=f"team/{blob_path(segment['digest'])}")["Body"].read()
    assert hashlib.sha256(body).hexdigest() == segment["digest"]
    assert {facts["request_id"] for facts, _ in segments.unpack(io.BytesIO(body))} == set(told)


def test_where_the_share_is_nothing_nothing_is_kept(tmp_path, store, redis_url, stream):
    environment, flushes = stream
    node = Node(tmp_path, store, extra=["--redis", redis_url, "--environment", environment]).start()
    try:
        node.serve({"m": model(1, [store.version(1, models.linear())])}, environment=environment)
        with closing(node.client()) as client:
            asked(node, client, 5)
    finally:
        node.stop()
    assert [len(flush["segments"]) for flush in flushes()] == [0]


# ---- the node's part by itself

SIGNATURE = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1, 1)),))


def sample(number, size=8):
    x, y = Part([1, 2], bytes(size)), Part([1, 1], bytes(4))
    return Sample("m", 1, "champion", f"{number:064}", 1000 + number, 5, 1, 7, [x], [y])


def a_log(store):
    told = []
    return PredictionLog(store, told.append, lambda name, number: SIGNATURE if name == "m" else None), told


def test_a_store_that_is_away_costs_memory_up_to_the_bound_and_then_samples(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_log, "MOST_BYTES", 20_000)
    (tmp_path / "tmp").write_text("no folder can be made here")
    log, told = a_log(LocalStore(tmp_path))

    async def play() -> None:
        log.take(1, Sampled([sample(n) for n in range(100)], 3))
        await log.close()
        assert "FileExistsError" in log.problem
        assert told == []
        assert 0 < log.bytes <= 20_000
        kept = 103 - log.dropped
        (tmp_path / "tmp").unlink()
        await log.close()
        assert [segment["requests"] for segment in told] == [kept]
        assert (log.bytes, log.problem) == (0, "")

    asyncio.run(play())


def test_samples_that_make_no_segment_hold_up_no_others(tmp_path):
    log, told = a_log(LocalStore(tmp_path))

    async def play() -> None:
        log.take(1, Sampled([sample(1, size=7)], 0))
        await log.close()
        log.take(1, Sampled([sample(2), replace_model(sample(3))], 0))
        await log.close()

    asyncio.run(play())
    assert [segment["requests"] for segment in told] == [1]
    assert log.dropped == 2
    assert (told[0]["from_ms"], told[0]["to_ms"]) == (1002, 1002)


def replace_model(given):
    given.model = "unknown"
    return given


def test_a_segment_is_sealed_when_it_is_old_or_large(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_log, "SEGMENT_SAMPLES", 10)
    log, told = a_log(LocalStore(tmp_path))

    async def play() -> None:
        running = asyncio.ensure_future(log.run())
        log.take(1, Sampled([sample(n) for n in range(10)], 0))
        log.take(1, Sampled([sample(20)], 0))
        async with asyncio.timeout(20):
            while not told:
                await asyncio.sleep(0.01)
        running.cancel()

    asyncio.run(play())
    assert told[0]["requests"] == 11


def test_the_same_bytes_twice_are_kept_once(tmp_path):
    store = LocalStore(tmp_path)
    assert store.put(b"segment") == store.put(b"segment")
    wait_for(lambda: not list((tmp_path / "tmp").iterdir()), "no leftovers")
