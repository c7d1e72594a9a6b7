"""Whatever comes in, a decoder gives a value that is what it says, or one of our refusals."""

from __future__ import annotations

import asyncio
import json
import struct

import msgspec
import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats import plan as plans
from formats.documents import Hex
from formats.dtypes import DTYPES
from formats.plan import BadPlan
from formats.types import Signature, TensorSpec
from scoring import request_ids
from scoring.errors import BadRequest, BadRequestId, BadTensor
from scoring.node import resp
from scoring.protocols import feedback, inference_pb2, mlflow, oip_binary, oip_grpc, oip_json, simple
from scoring.protocols.inputs import InputReader
from scoring.tensors import to_array
from tests.fuzz import documents
from tests.fuzz.amount import examples
from tests.scoring.nodes import REQUEST_KEY, plan

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(600)]
OUTPUTS = (TensorSpec("y", "FP32", (-1, 1)),)
SEVERAL = InputReader(
    Signature(
        (
            TensorSpec("x", "FP32", (-1, 2)),
            TensorSpec("i", "INT64", (-1,), optional=True),
            TensorSpec("s", "BYTES", (-1,), optional=True),
            TensorSpec("b", "BOOL", (-1,), optional=True),
            TensorSpec("h", "FP16", (-1, -1), optional=True),
            TensorSpec("o", "INT8", (), optional=True),
        ),
        OUTPUTS,
    )
)
NAMED = InputReader(Signature((TensorSpec("x", "FP32", (-1, 2), ("height", "width")),), OUTPUTS))
READERS = [SEVERAL, NAMED]


def whole(blocks, reader) -> None:
    """What a decoder let through has to be what it says: the model would be the next to look."""
    for block, each in zip(blocks, reader.readers, strict=True):
        if block is None:
            assert each.spec.optional
            continue
        if not block.settled and not np.isfinite(np.frombuffer(block.raw, DTYPES[each.spec.datatype])).all():
            continue
        array = to_array([block], each.spec, block.shape)
        assert array.dtype == DTYPES[each.spec.datatype]
        assert len(array.shape) == len(each.spec.shape)
        assert all(
            want in (-1, axis) and axis > 0 for want, axis in zip(each.spec.shape, array.shape, strict=True)
        )


def ours(decode, kinds=(BadRequest, BadTensor)):
    """The value, or None after a refusal of these kinds in a sentence that can be sent."""
    try:
        return decode()
    except kinds as error:
        refusal = error
    assert orjson.dumps({"error": str(refusal), "code": refusal.code})
    return None


def read_oip(body: bytes, reader: InputReader, tail: bytes | None = None) -> None:
    request = oip_json.read(body)
    request.unit()
    blocks = oip_json.blocks(request, reader, None if tail is None else memoryview(tail))
    oip_json.wanted(request, OUTPUTS)
    oip_json.envelope("m", 1, b"r", request.id, b"")
    whole(blocks, reader)


@examples(60)
@given(documents.encoded(documents.oip), st.sampled_from(READERS))
def test_open_inference_json(body, reader):
    ours(lambda: read_oip(body, reader))


@examples(60)
@given(documents.encoded(documents.oip), documents.tails, st.integers(-3, 3), st.sampled_from(READERS))
def test_open_inference_binary(header, tail, lie, reader):
    def decode():
        request, rest = oip_binary.split(header + tail, max(0, len(header) + lie))
        request.unit()
        whole(oip_json.blocks(request, reader, rest), reader)

    ours(decode)


@examples(60)
@given(
    st.sampled_from(list(DTYPES)),
    st.lists(st.integers(-2, 4) | st.just(2**40), max_size=3),
    documents.tails,
    st.integers(0, 60) | st.just(2**70),
)
def test_raw_tensors_of_each_datatype(datatype, shape, tail, size):
    reader = InputReader(Signature((TensorSpec("x", datatype, (-1,) * len(shape)),), OUTPUTS))
    tensor = {"name": "x", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}
    ours(lambda: read_oip(json.dumps({"inputs": [tensor]}).encode(), reader, tail))


@examples(60)
@given(documents.encoded(documents.simple), st.sampled_from(READERS))
def test_simple(body, reader):
    ours(lambda: whole(simple.blocks(simple.read(body), reader), reader))


@examples(80)
@given(documents.encoded(documents.mlflow), st.sampled_from(READERS))
def test_mlflow(body, reader):
    def decode():
        request = mlflow.read(body)
        request.unit()
        whole(mlflow.blocks(request, reader).blocks, reader)

    ours(decode)


@examples(60)
@given(documents.encoded(documents.feedback))
def test_feedback(body):
    def decode():
        items = feedback.read(body, 1000)
        judged = feedback.judge(items, key=REQUEST_KEY, now=1e9, window=1e9)
        assert len(judged.statuses) == len(items)
        # As it goes to the node, into the spool, and to the client.
        for facts in judged.accepted:
            assert orjson.loads(orjson.dumps(facts)) == msgspec.json.decode(msgspec.json.encode(facts))
        orjson.dumps(judged.statuses)

    ours(decode)


GOOD_ID = request_ids.make(REQUEST_KEY, request_ids.RequestId(b"m" * 8, 1, 2, 3, 4, 5, 6))


@examples(60)
@given(st.one_of(st.text(max_size=70), st.text("abcXYZ019-_+/=\ud800", min_size=62, max_size=66)))
def test_request_ids_of_others(text):
    with pytest.raises(BadRequestId):
        request_ids.parse(text, REQUEST_KEY)


@examples(60)
@given(st.integers(0, 63), st.characters(codec="ascii"))
def test_request_ids_with_one_letter_changed(place, letter):
    text = GOOD_ID[:place] + letter + GOOD_ID[place + 1 :]
    if text != GOOD_ID:
        with pytest.raises(BadRequestId):
            request_ids.parse(text, REQUEST_KEY)


PLAN = plan(1, {"m": plans.ModelPlan(1, Hex(b"s"), (), {})}).to_json()
PLAN["models"]["m"]["versions"] = {
    "1": {
        "digest": "d" * 64,
        "model": {"sha256": "a" * 64, "size": 1},
        "signature": {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1]}], "outputs": []},
    }
}
PLAN["models"]["m"]["arms"] = [{"version": 1, "weight": 2**53, "reason": "champion"}]


@examples(120)
@given(st.one_of(documents.changed(PLAN).map(json.dumps), documents.values))
def test_plans(payload):
    found = ours(lambda: plans.parse(payload), BadPlan)
    if found is not None:
        assert plans.parse(plans.serialise(found)) == found
        plans.serialise(found).encode()


WRITTEN = plans.serialise(plans.parse(json.dumps(PLAN)))


@examples(200)
@given(st.integers(0, len(WRITTEN)), st.integers(0, 3), st.text(max_size=3))
def test_plans_that_are_cut_and_changed_on_their_way(place, cut, instead):
    for payload in (WRITTEN[:place], WRITTEN[:place] + instead + WRITTEN[place + cut :]):
        found = ours(lambda payload=payload: plans.parse(payload), BadPlan)
        assert found is None or plans.parse(plans.serialise(found)) == found


@examples(40)
@given(documents.encoded(documents.values | documents.objects({"payload": documents.values}, {})))
def test_envelopes(envelope):
    ours(lambda: plans.unsigned(envelope), BadPlan)
    ours(lambda: plans.verify(envelope, {}), BadPlan)


tensor_messages = st.builds(
    dict,
    name=st.sampled_from(["x", "i", "s", "z", ""]),
    datatype=st.sampled_from(documents.DATATYPES),
    shape=st.lists(st.integers(-2, 3) | st.just(2**62), max_size=3),
)


@st.composite
def infer_messages(draw) -> bytes:
    message = inference_pb2.ModelInferRequest(
        model_name=draw(st.sampled_from(["m", "", "ä/../b", "m?x=1#\r\n"])), id=draw(st.text(max_size=4))
    )
    for facts in draw(st.lists(tensor_messages, max_size=3)):
        contents = message.inputs.add(**facts).contents
        for field, some in (
            ("fp32_contents", st.floats(width=32)),
            ("int_contents", st.integers(-(2**31), 2**31 - 1)),
            ("int64_contents", st.integers(-(2**63), 2**63 - 1)),
            ("bytes_contents", st.binary(max_size=3)),
        ):
            if draw(st.integers(0, 3)) == 0:
                getattr(contents, field).extend(draw(st.lists(some, max_size=4)))
    message.raw_input_contents.extend(draw(st.one_of(st.just([]), st.lists(documents.tails, max_size=3))))
    for name in draw(st.lists(st.sampled_from(["unit", "binary_data_output", "a"]), max_size=2)):
        parameter = message.parameters[name]
        choice = draw(st.sampled_from(["bool", "int64", "string", "double", "uint64", ""]))
        if choice:
            value = {"bool": True, "int64": -1, "string": "a", "double": float("nan"), "uint64": 2**64 - 1}
            setattr(parameter, f"{choice}_param", value[choice])
    raw = message.SerializeToString()
    place, cut = draw(st.integers(0, len(raw))), draw(st.integers(0, 3))
    return raw if draw(st.booleans()) else raw[:place] + draw(st.binary(max_size=2)) + raw[place + cut :]


@examples(80)
@given(infer_messages(), st.sampled_from(READERS))
def test_grpc(raw, reader):
    def decode():
        request = oip_grpc.infer_request(raw)
        assert request.path.isascii()
        assert not set("\r\n ?#") & set(request.path)
        read_oip(request.header, reader, b"".join(request.tail))

    ours(decode)


REDIS = [
    *(b"+OK\r\n", b"-ERR\r\n", b":1\r\n", b":x\r\n", b"$-1\r\n", b"$3\r\nabc\r\n", b"$9999999999\r\n"),
    *(b"*-1\r\n", b"*2\r\n", b"*99999999999\r\n", b"*1\r\n" * 3000, b"$-5\r\n", b"$1_0\r\n", b"\r\n"),
]  # fmt: skip


@examples(80)
@given(st.lists(st.sampled_from(REDIS) | st.binary(max_size=8), max_size=6).map(b"".join))
def test_the_language_of_redis(answer):
    async def read() -> None:
        reader = asyncio.StreamReader(limit=1 << 16)
        reader.feed_data(answer)
        reader.feed_eof()
        try:
            value = await resp._read(reader)
        except (*resp._BROKEN, resp.RedisRefused):
            return
        assert value is None or isinstance(value, bytes | int | list)

    asyncio.run(read())


def test_an_endless_line_is_broken_too():
    async def read() -> None:
        reader = asyncio.StreamReader(limit=64)
        reader.feed_data(b"+" * 1000)
        with pytest.raises(resp._BROKEN):
            await resp._read(reader)

    asyncio.run(read())


def test_many_keys_of_which_the_last_comes_twice_cost_no_more_than_reading_them():
    """Quadratic once: 4 MiB of keys would have held a worker for minutes."""
    keys = ",".join(f'"k{number}":1' for number in range(200_000))
    body = f'{{"inputs":[],"parameters":{{{keys},"k199999":1}}}}'.encode()
    with pytest.raises(BadRequest, match="'k199999' stands twice"):
        oip_json.read(body)


def test_texts_without_letters_are_counted_before_they_fill_the_memory():
    reader = InputReader(Signature((TensorSpec("s", "BYTES", (-1,)),), ())).readers[0]
    with pytest.raises(BadTensor, match="has 2 texts"):
        reader.binary((1,), struct.pack("<I", 0) * 1_000_000)
