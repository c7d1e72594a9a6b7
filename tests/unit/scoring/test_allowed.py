"""Choices and ranges, held in the requests of clients."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from formats.dtypes import DTYPES
from formats.types import Signature, TensorSpec
from scoring.errors import BadTensor
from scoring.telemetry import Meter
from scoring.tensors import Block
from scoring.worker.allowed import allowed

COLOURS = ("red", "green")


def held(spec, values, shape=None):
    """The values after the check, and the meter."""
    if spec.datatype == "BYTES":
        block = Block((len(values),), list(values))
    else:
        array = np.array(values, DTYPES[spec.datatype])
        block = Block(shape or array.shape, array.tobytes())
    exchange, meter = SimpleNamespace(blocks=[block], outside=""), Meter()
    allowed(Signature((spec,), ())).hold(exchange, meter)
    raw = exchange.blocks[0].raw
    found = raw if spec.datatype == "BYTES" else np.frombuffer(raw, DTYPES[spec.datatype]).tolist()
    return found, meter, exchange.outside


def test_a_version_without_limits_has_nothing_to_check():
    assert allowed(Signature((TensorSpec("x", "FP32", (-1,), missing=True),), ())) is None


def test_a_text_that_is_no_choice_is_refused_with_the_choices():
    spec = TensorSpec("colour", "BYTES", (-1,), choices=COLOURS)

    assert held(spec, ["red", "green"])[0] == ["red", "green"]
    with pytest.raises(BadTensor, match="input 'colour', row 1: 'purple' is none of red, green"):
        held(spec, ["red", "purple"])


@pytest.mark.parametrize("datatype", sorted(set(DTYPES) - {"BOOL", "BYTES"}))
def test_a_number_beyond_its_range_is_counted_refused_or_moved(datatype):
    def spec(enforce):
        return TensorSpec("x", datatype, (-1,), range=(1, 5), enforce=enforce)

    found, meter, outside = held(spec(""), [0, 1, 5, 9])
    assert (found, dict(meter.outside)) == ([0, 1, 5, 9], {"x": 2})
    assert "outside of 1 to 5" in outside
    found, meter, outside = held(spec("clip"), [0, 1, 5, 9])
    assert (found, dict(meter.outside), outside) == ([1, 1, 5, 5], {"x": 2}, "")
    with pytest.raises(BadTensor, match=r"input 'x', row 3: 9(\.0)? is outside of 1 to 5"):
        held(spec("refuse"), [1, 1, 5, 9])


def test_a_place_in_a_table_is_told_by_its_feature():
    spec = TensorSpec("x", "FP32", (-1, 2), features=("age", "income"), range=(0, 10), enforce="refuse")

    with pytest.raises(BadTensor, match="input 'x', row 1, feature age"):
        held(spec, [[1, 2], [11, 3]], (2, 2))


def test_a_missing_value_is_beyond_no_limit():
    ranged = TensorSpec("x", "FP32", (-1,), missing=True, range=(0, 1), enforce="refuse")
    chosen = TensorSpec("x", "FP32", (-1,), missing=True, choices=(0.1, 0.2))

    assert np.isnan(held(ranged, [0.5, np.nan])[0][1])
    assert np.isnan(held(chosen, [0.1, np.nan])[0][1])
    assert len(held(chosen, [0.1, np.nan] * 100)[0]) == 200
    with pytest.raises(BadTensor, match="none of"):
        held(chosen, [0.1, np.nan] * 100 + [0.3])


def test_limits_are_numbers_of_the_inputs_own_datatype():
    tenth = TensorSpec("x", "FP32", (-1,), range=(0, 0.1), choices=(0.1, 0.0), enforce="refuse")
    whole = TensorSpec("n", "INT64", (-1,), range=(0.5, 2.5), enforce="clip")
    large = TensorSpec("n", "INT64", (-1,), choices=(2**53 + 1,))

    assert held(tenth, [0.1])[0] == [float(np.float32(0.1))]
    assert held(whole, [0, 1, 2, 3])[0] == [1, 1, 2, 2]
    assert held(large, [2**53 + 1])[0] == [2**53 + 1]
    with pytest.raises(BadTensor, match="none of"):
        held(large, [2**53])
