from __future__ import annotations

import math
import struct
from contextlib import suppress
from time import perf_counter

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from formats.types import Signature, TensorSpec
from scoring.errors import BadRequest, BadTensor, ScoringError
from scoring.protocols import mlflow, oip_binary, oip_json, simple
from scoring.protocols.inputs import InputReader, SpecReader
from scoring.protocols.texts import flat_text, nested_text, row_texts
from scoring.tensors import to_array

FLOATS = SpecReader(TensorSpec("x", "FP32", (-1, 2)))
TEXTS = SpecReader(TensorSpec("s", "BYTES", (-1,)))
FLAGS = SpecReader(TensorSpec("b", "BOOL", (-1,)))


def raw(text: bytes) -> msgspec.Raw:
    return msgspec.Raw(text)


def values(block, reader=FLOATS):
    return to_array([block], reader.spec, block.shape).tolist()


def test_a_block_is_raw_rows_that_join_by_concatenation():
    one, two = FLOATS.json((1, 2), raw(b"[1,2]")), FLOATS.json((2, 2), raw(b"[[3,4],[5,6]]"))

    assert to_array([one, two], FLOATS.spec, (3, 2)).tolist() == [[1, 2], [3, 4], [5, 6]]
    assert to_array([TEXTS.json((1,), raw(b'["a"]'))] * 2, TEXTS.spec, (2,)).tolist() == ["a", "a"]


def test_nested_lists_show_their_own_shape():
    assert FLOATS.nested(raw(b"[[1,2],[3,4],[5,6]]")).shape == (3, 2)
    with pytest.raises(BadTensor, match="ragged"):
        FLOATS.nested(raw(b"[[1,2],[3]]"))
    with pytest.raises(BadTensor, match="signature says"):
        FLOATS.nested(raw(b"[]"))
    with pytest.raises(BadTensor, match="2 deep"):
        FLOATS.nested(raw(b"[1,2]"))


def test_texts_come_as_lengths_and_letters():
    content = b"".join(struct.pack("<I", len(t)) + t for t in (b"a", "é".encode()))

    assert TEXTS.binary((2,), content).raw == ["a", "é"]
    for broken in (content[:-1], content + b"x", struct.pack("<I", 1) + b"\xff", b"\xff\xff\xff\xff"):
        with pytest.raises(BadTensor, match="'s'"):
            TEXTS.binary((2,), broken)


def test_a_boolean_is_nought_or_one():
    assert values(FLAGS.binary((2,), b"\x00\x01"), FLAGS) == [False, True]
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


@settings(max_examples=30)
@given(st.binary(max_size=200) | JSON.map(msgspec.json.encode), st.integers(0, 250))
def test_no_body_raises_anything_but_our_own_errors(body, length):
    for read in (
        lambda: oip_json.blocks(oip_json.read(body), READER),
        lambda: simple.blocks(simple.read(body), READER),
        lambda: oip_json.blocks(*(lambda r, t: (r, READER, t))(*oip_binary.split(body, length))),
    ):
        with suppress(BadRequest, BadTensor):
            read()


@settings(max_examples=60)
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
    found = to_array([block], FLOATS.spec, block.shape)
    assert list(found.shape) == shape
    assert math.prod(shape) == len(data)
    assert np.isfinite(found).all()


SHAPES = st.integers(1, 6).flatmap(lambda rank: st.lists(st.integers(1, 3), min_size=rank, max_size=rank))


@settings(max_examples=150)
@given(SHAPES, st.sampled_from(["FP32", "FP16", "INT64", "BOOL", "BYTES"]), st.booleans())
def test_nested_lists_mean_what_flat_ones_do_at_every_door(shape, datatype, fixed):
    count = math.prod(shape)
    plain = {
        "BOOL": [place % 2 == 0 for place in range(count)],
        "BYTES": [str(place) for place in range(count)],
    }.get(datatype, list(range(count)))
    spec = TensorSpec("x", datatype, (-1, *shape[1:]) if fixed else (-1,) * len(shape))
    reader = InputReader(Signature((spec,), ()))
    nested = np.array(plain, dtype=object).reshape(shape).tolist()

    def v2(data):
        tensor = {"name": "x", "datatype": datatype, "shape": shape, "data": data}
        return oip_json.blocks(oip_json.read(msgspec.json.encode({"inputs": [tensor]})), reader)

    doors = [
        v2(plain),
        v2(nested),
        simple.blocks(simple.read(msgspec.json.encode({"inputs": {"x": nested}})), reader),
        mlflow.blocks(mlflow.read(msgspec.json.encode({"inputs": nested})), reader).blocks,
        mlflow.blocks(mlflow.read(msgspec.json.encode({"instances": nested})), reader).blocks,
    ]

    assert [block.shape for (block,) in doors] == [tuple(shape)] * len(doors)
    assert [block.raw for (block,) in doors] == [doors[0][0].raw] * len(doors)


NAMED = ("a", "b", "c", "d")
GAPPED = TensorSpec("x", "FP32", (-1, 4), features=NAMED, missing=True)
WHOLE = TensorSpec("x", "FP32", (-1, 4), features=NAMED)


def doors(row, shape=(1, 4)):
    """One row at every JSON door, as text: `row` is JSON inside its brackets."""
    v2 = '{"inputs":[{"name":"x","datatype":"FP32","shape":%s,"data":%s}]}'
    cells = dict(zip(NAMED, row.split(","), strict=True))
    record = "{" + ",".join(f'"{name}":{cell}' for name, cell in cells.items()) + "}"
    return {
        "v2 flat": (oip_json, v2 % (list(shape), f"[{row}]")),
        "v2 nested": (oip_json, v2 % (list(shape), f"[[{row}]]")),
        "score": (simple, f'{{"inputs":{{"x":[[{row}]]}}}}'),
        "score by name": (simple, f'{{"inputs":{record}}}'),
        "score rows by name": (simple, f'{{"inputs":{{"x":[{record}]}}}}'),
        "instances": (mlflow, f'{{"instances":[[{row}]]}}'),
        "records": (mlflow, f'{{"dataframe_records":[{record}]}}'),
        "split": (mlflow, f'{{"dataframe_split":{{"columns":["a","b","c","d"],"data":[[{row}]]}}}}'),
    }


def asked(door, spec):
    protocol, body = door
    found = protocol.blocks(protocol.read(body.encode()), InputReader(Signature((spec,), ())))
    (block,) = found.blocks if protocol is mlflow else found
    return to_array([block], spec, block.shape)


DOORS = sorted(doors("1,2,3,4"))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("gap", ["null", "NaN", '"NaN"'])
def test_a_missing_value_is_nan_where_the_input_takes_it(door, gap):
    found = asked(doors(f"0.5,{gap},1,2")[door], GAPPED)

    np.testing.assert_array_equal(found, np.float32([[0.5, np.nan, 1, 2]]))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("gap", ["null", "NaN", '"NaN"', "Infinity", '"-Infinity"', '"five"'])
def test_what_an_input_does_not_take_is_named_by_row_and_feature(door, gap):
    with pytest.raises(BadTensor, match="input 'x', row 0, feature b"):
        asked(doors(f"0.5,{gap},1,2")[door], WHOLE)


@pytest.mark.parametrize("word", ["Infinity", '"Infinity"', "-Infinity"])
def test_infinities_have_a_word_of_their_own(word):
    taken = replace(WHOLE, infinite=True)

    assert np.isinf(asked(doors(f"0.5,{word},1,2")["score"], taken)[0, 1])
    with pytest.raises(BadTensor, match="finite numbers only"):
        asked(doors(f"0.5,{word},1,2")["score"], GAPPED)
    with pytest.raises(BadTensor, match="missing"):
        asked(doors("0.5,NaN,1,2")["score"], taken)


def test_binary_gaps_are_taken_or_named():
    array = np.float32([[1, 2, 3, 4], [5, np.nan, 7, 8]])
    blocks = [SpecReader(spec).binary((2, 4), array.tobytes()) for spec in (GAPPED, WHOLE)]

    np.testing.assert_array_equal(to_array(blocks[:1], GAPPED, (2, 4)), array)
    with pytest.raises(BadTensor, match="input 'x', row 1, feature b: is NaN"):
        to_array(blocks[1:], WHOLE, (2, 4))


def test_the_row_of_a_mistake_is_told_far_into_a_request():
    rows = [[1.0, 2.0, 3.0, 4.0] for _ in range(600)]
    rows[537][1] = "five"

    with pytest.raises(BadTensor, match="row 537, feature b"):
        SpecReader(WHOLE).nested(raw(msgspec.json.encode(rows)))


def test_whole_numbers_may_be_written_as_floats_and_flags():
    reader = SpecReader(TensorSpec("n", "INT64", (-1,)))

    assert values(reader.nested(raw(b"[1.0,true,3]")), reader) == [1, 1, 3]
    for wrong in (b"[1.5]", b"[null]", b'["1"]', b"[9223372036854775808]"):
        with pytest.raises(BadTensor, match="row 0"):
            reader.nested(raw(wrong))


def test_an_empty_axis_is_data_where_it_is_not_the_one_of_the_rows():
    nodes = TensorSpec("nodes", "FP32", (-1, 2), symbols=("nodes", ""))
    edges = TensorSpec("edges", "INT64", (-1,), symbols=("edges",))
    own = InputReader(Signature((nodes, edges), ()))
    body = b'{"inputs":{"nodes":[[1,2],[3,4]],"edges":[]}}'

    assert [block.shape for block in simple.blocks(simple.read(body), own)] == [(2, 2), (0,)]
    assert own.readers[0].nested(raw(b"[]")).shape == (0, 2)
    with pytest.raises(BadTensor, match="at least 1 row"):
        simple.blocks(simple.read(body), InputReader(Signature((nodes, edges), ()), "samples"))


def test_a_text_without_an_end_is_looked_at_once():
    body = b'{"inputs":{"x":NaN,"' + b'\\"' * 300_000
    started = perf_counter()
    with pytest.raises(BadRequest):
        simple.read(body)

    assert perf_counter() - started < 5
