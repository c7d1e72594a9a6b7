"""Which requests of a version may run together, and what a request's rows are."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from formats.types import Signature, TensorSpec
from scoring.errors import BadTensor
from scoring.limits import Limits
from scoring.tensors import Block
from scoring.worker.batching import Batcher

X = TensorSpec("x", "FP32", (-1, 2), symbols=("nodes", ""))
SOURCE = TensorSpec("source", "INT64", (-1,), symbols=("edges",))
Y = TensorSpec("y", "FP32", (-1, 2))
REQUEST = [Block((3, 2), bytes(24)), Block((1,), bytes(8))]


def batcher(*inputs, rows=None):
    return Batcher(None, Signature(inputs, (Y,)), batching=True, limits=Limits(), rows=rows)


def measured(made):
    exchange = SimpleNamespace(blocks=REQUEST, key=None)
    made.measure(exchange)
    return exchange.rows


def test_inputs_with_first_axes_of_their_own_need_not_agree_and_do_not_batch():
    made = batcher(X, SOURCE)

    assert (made.batching, measured(made)) == (False, 1)


def test_rows_that_are_requests_need_not_agree_and_do_not_batch():
    made = batcher(TensorSpec("x", "FP32", (-1, 2)), TensorSpec("source", "INT64", (-1,)), rows="requests")

    assert (made.batching, measured(made)) == (False, 1)


def test_rows_that_are_samples_must_agree():
    made = batcher(X, SOURCE, rows="samples")

    assert made.batching
    with pytest.raises(BadTensor, match="different numbers of rows"):
        measured(made)
