from __future__ import annotations

import math
import struct
from contextlib import suppress

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.types import Signature, TensorSpec
from scoring.errors import BadRequest, BadTensor, ScoringError
from scoring.protocols import oip_binary, oip_json, simple
from scoring.protocols.inputs import InputReader, SpecReader
from scoring.protocols.texts import flat_text, nested_text, row_texts
from scoring.tensors import to_array

FLOATS = SpecReader(TensorSpec("x", "FP32", (-1, 2)))
TEXTS = SpecReader(TensorSpec("s", "BYTES", (-1,)))
FLAGS = SpecReader(TensorSpec("b", "BOOL", (-1,)))


def raw(text: bytes) -> msgspec.Raw:
    return msgspec.Raw(text)


def values(block, datatype="FP32"):
    return to_array([block], datatype, block.shape).tolist()


def test_a_block_is_raw_rows_that_join_by_concatenation():
    one, two = FLOATS.json((1, 2), raw(b"[1,2]")), FLOATS.json((2, 2), raw(b"[[3,4],[5,6]]"))

    assert to_array([one, two], "FP32", (3, 2)).tolist() == [[1, 2], [3, 4], [5, 6]]
    assert to_array([TEXTS.json((1,), raw(b'["a"]'))] * 2, "BYTES", (2,)).tolist() == ["a", "a"]


def test_nested_lists_show_their_own_shape():
    assert FLOATS.nested(raw(b"[[1,2],[3,4],[5,6]]")).shape == (3, 2)
    with pytest.raises(BadTensor, match="ragged"):
        FLOATS.nested(raw(b"[[1,2],[3]]"))
    with pytest.raises(BadTensor, match="signature says"):
        FLOATS.nested(raw(b"[]"))
    with pytest.raises(BadTensor, match="flat or nested"):
        FLOATS.nested(raw(b"[1,2]"))


def test_texts_come_as_lengths_and_letters():
    content = b"".join(struct.pack("<I", len(t)) + t for t in (b"a", "é".encode()))

    assert TEXTS.binary((2,), content).raw == ["a", "é"]
    for broken in (content[:-1], content + b"x", struct.pack("<I", 1) + b"\xff", b"\xff\xff\xff\xff"):
        with pytest.raises(BadTensor, match="'s'"):
            TEXTS.binary((2,), broken)


def test_a_boolean_is_nought_or_one():
    assert values(FLAGS.binary((2,), b"\x00\x01"), "BOOL") == [False, True]
    with pytest.raises(BadTensor, match="neither 0 nor 1"):
        FLAGS.binary((2,), b"\x00\x02")


def test_shapes_are_forgotten_before_they_fill_the_memory():
    reader = SpecReader(TensorSpec("x", "FP32", (-1,)))
    for rows in range(1, 300):
        reader.json((rows,), raw(b"[" + b",".join([b"1"] * rows) + b"]"))

    assert len(reader._known) <= 64


def test_an_optional_input_may_be_left_out():
    reader = InputReader(
        Signature((TensorSpec("x", "FP32", (-1,)), TensorSpec("y", "FP32", (-1,), optional=True)), ())
    )
    request = oip_json.read(b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}')
    _, absent = oip_json.blocks(request, reader)

    assert absent is None
    with pytest.raises(BadTensor, match="'x' is missing"):
        oip_json.blocks(
            oip_json.read(b'{"inputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[1]}]}'), reader
        )


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array([[1.5, 2], [3, 4]], np.float32), b"[[1.5,2.0],[3.0,4.0]]"),
        (np.array([np.nan, np.inf, -np.inf, 1]), b'["NaN","Infinity","-Infinity",1.0]'),
        (np.array(["a", "b"], object), b'["a","b"]'),
        (np.array([b"a"], object), b'["a"]'),
        (np.array([True, False]), b"[true,false]"),
        (np.array(4.5), b"4.5"),
        (np.array([[1, 2], [3, 4]]).T, b"[[1,3],[2,4]]"),
        (np.array([0.5], np.float16), b"[0.5]"),
    ],
)
def test_arrays_as_text(array, text):
    assert nested_text(array) == text


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(3, 2),
        np.arange(3),
        np.arange(12.0).reshape(3, 2, 2),
        np.array([[1.0, np.nan], [2.0, 3.0]]),
        np.array([["a,b", "c],["], ["d", "e"]], object),
    ],
)
def test_one_encoding_of_all_rows_is_the_encoding_of_each(array):
    assert row_texts(array) == [flat_text(row)[1:-1] for row in array]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["inputs", "name", "shape", "datatype", "data", "parameters", "id", "outputs", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)
READER = InputReader(Signature((FLOATS.spec, TEXTS.spec), ()))


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=200) | JSON.map(msgspec.json.encode), st.integers(0, 250))
def test_no_body_raises_anything_but_our_own_errors(body, length):
    for read in (
        lambda: oip_json.blocks(oip_json.read(body), READER),
        lambda: simple.blocks(simple.read(body), READER),
        lambda: oip_json.blocks(*(lambda r, t: (r, READER, t))(*oip_binary.split(body, length))),
    ):
        with suppress(BadRequest, BadTensor):
            read()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-3, 2**66), max_size=4),
    st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(), max_size=8),
)
def test_a_tensor_is_what_it_declares_or_refused(shape, data):
    body = msgspec.json.encode({"inputs": [{"name": "x", "datatype": "FP32", "shape": shape, "data": data}]})
    reader = InputReader(Signature((FLOATS.spec,), ()))
    try:
        (block,) = oip_json.blocks(oip_json.read(body), reader)
    except ScoringError:
        return
    found = to_array([block], "FP32", block.shape)
    assert list(found.shape) == shape
    assert math.prod(shape) == len(data)
    assert np.isfinite(found).all()
