"""A request whose beginning is known is read exactly as if nobody had ever seen it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.types import Signature, TensorSpec
from scoring.errors import ScoringError
from scoring.limits import Limits
from scoring.protocols.inputs import InputReader
from scoring.tensors import to_array
from scoring.worker.batching import Batcher
from scoring.worker.exchange import Exchange
from scoring.worker.forms import Oip

SIGNATURE = Signature(
    (TensorSpec("x", "FP32", (-1, 2)),),
    (TensorSpec("label", "INT64", (-1,)), TensorSpec("p", "FP32", (-1, 2))),
)


def version(signature=SIGNATURE):
    batcher = Batcher(None, signature, batching=True, limits=Limits())
    return SimpleNamespace(signature=signature, reader=InputReader(signature), batcher=batcher, layouts={})


def read(form, to, body, length=None):
    """What a form makes of a request: everything that scoring goes on with, or the error's words."""
    exchange = Exchange(None, SimpleNamespace(header_length=length), body, 0.0)
    try:
        unit = form.parse(exchange)
        form.take(exchange, to)
        specs = to.signature.inputs
        arrays = [
            None if block is None else to_array([block], spec, block.shape).tolist()
            for spec, block in zip(specs, exchange.blocks, strict=True)
        ]
    except ScoringError as error:
        return type(error).__name__, str(error)
    return unit, arrays, exchange.rows, exchange.chosen, exchange.named


def request(data, **more):
    tensor = {"name": "x", "datatype": "FP32", "shape": [len(data) // 2, 2], "data": data}
    return json.dumps({"inputs": [tensor], **more}).encode()


def binary(rows, name="x", **more):
    raw = np.asarray(rows, np.float32).tobytes()
    tensor = {
        "name": name,
        "datatype": "FP32",
        "shape": [len(rows), 2],
        "parameters": {"binary_data_size": len(raw)},
    }
    head = json.dumps({"inputs": [tensor], **more}).encode()
    return head + raw, len(head)


def known(form, to):
    return len(to.layouts), len(form._known)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_the_second_request_of_a_client_takes_the_short_way(separators):
    form, to = Oip(), version()
    first = json.dumps(json.loads(request([0.5, 2])), separators=separators).encode()
    assert read(form, to, first)[1] == [[[0.5, 2.0]]]
    assert known(form, to) == (1, 1)
    to.reader.find = None  # the long way asks for it
    assert read(form, to, first.replace(b"0.5", b"7.5"))[1] == [[[7.5, 2.0]]]


@pytest.mark.parametrize(
    "body",
    [
        request([1, 2], id="mine"),
        request([1, 2], parameters={"unit": "u"}),
        request([1, 2], outputs=[{"name": "p"}]),
        request([1, 2]).replace(b"[1, 2]}", b"[[1, 2]]}"),
        b'{"outputs":[{"name":"p"}],' + request([1, 2])[1:],
        b'{"parameters":{"binary_data_output":true},' + request([1, 2])[1:],
        request([1, 2]) + b" ",
        request([1, 2])[:-2] + b',"parameters":{}}]}',
    ],
)
def test_a_request_that_says_more_than_its_numbers_is_always_read_whole(body):
    form, to = Oip(), version()
    read(form, to, body)
    assert known(form, to) == (0, 0)


def test_a_binary_header_is_known_with_the_outputs_that_it_wants():
    form, to = Oip(), version()
    body, length = binary([[1, 2], [3, 4]], parameters={"binary_data_output": True})
    again, _ = binary([[5, 6], [7, 8]], parameters={"binary_data_output": True})
    assert read(form, to, body, length)[3] == ((0, True), (1, True))
    assert known(form, to) == (1, 1)
    assert read(form, to, again, length) == (None, [[[5.0, 6.0], [7.0, 8.0]]], 2, ((0, True), (1, True)), b"")


@pytest.mark.parametrize("more", [{"id": "mine"}, {"parameters": {"unit": "u"}}])
def test_a_binary_header_that_names_somebody_is_always_read_whole(more):
    form, to = Oip(), version()
    body, length = binary([[1, 2]], **more)
    assert read(form, to, body, length) == read(form, to, body, length)
    assert known(form, to) == (0, 0)


def test_what_one_version_has_learned_another_does_not_take_for_its_own():
    form, one = Oip(), version()
    other = version(Signature((TensorSpec("x", "FP32", (-1, 3)),), SIGNATURE.outputs))
    read(form, one, request([1, 2]))
    assert read(form, other, request([1, 2]))[0] == "BadTensor"


def test_an_input_that_may_be_left_out_is_not_forgotten():
    inputs = (*SIGNATURE.inputs, TensorSpec("mask", "FP32", (-1,), optional=True))
    form, to = Oip(), version(Signature(inputs, SIGNATURE.outputs))
    assert read(form, to, request([1, 2]))[1] == [[[1.0, 2.0]], None]
    assert read(form, to, request([1, 2]))[1] == [[[1.0, 2.0]], None]


LEARNED = [request([0.5, 1.5]), request([1, 2, 3, 4]), request([[1, 2]] * 2)]
VALUES = st.lists(
    st.one_of(
        st.integers(-(10**40), 10**40),
        st.floats(allow_nan=True, allow_infinity=True),
        st.text(max_size=3),
        st.none(),
        st.booleans(),
        st.lists(st.integers(0, 3), max_size=2),
    ),
    max_size=5,
)


@given(data=VALUES, tail=st.sampled_from([b"]}", b"}]}", b'},"id":"a"}]}', b"]}]}", b"", b'}],"id":"x"}']))
def test_numbers_behind_a_known_beginning_are_judged_as_by_the_whole_decoder(data, tail):
    form, to = Oip(), version()
    for body in LEARNED:
        read(form, to, body)
    text = json.dumps(data).encode()
    for body in LEARNED:
        start = body.index(b"[", body.index(b'"data":'))
        crafted = body[:start] + text + tail
        assert read(form, to, crafted) == read(Oip(), version(), crafted)


@given(st.data())
def test_a_changed_byte_anywhere_is_judged_as_by_the_whole_decoder(data):
    form, to = Oip(), version()
    body = LEARNED[0]
    read(form, to, body)
    place = data.draw(st.integers(0, len(body) - 1))
    changed = body[:place] + bytes([data.draw(st.integers(0, 255))]) + body[place + 1 :]
    assert read(form, to, changed) == read(Oip(), version(), changed)


@given(cut=st.integers(-9, 9), at=st.integers(0, 200))
def test_a_binary_request_of_another_length_is_judged_as_by_the_whole_decoder(cut, at):
    form, to = Oip(), version()
    body, length = binary([[1, 2], [3, 4]])
    read(form, to, body, length)
    crafted = body + b"\0" * cut if cut >= 0 else body[:cut]
    assert read(form, to, crafted, length) == read(Oip(), version(), crafted, length)
    assert read(form, to, body, at) == read(Oip(), version(), body, at)
