"""Keys and places of files of weights."""

from __future__ import annotations

import pytest

from formats.weights import beside, checked, is_weights, place


@pytest.mark.parametrize("key", ["weights", "weights_2", "weights_decoder_b"])
def test_keys_of_weights(key):
    assert is_weights(key)


@pytest.mark.parametrize(
    "key", ["weights_", "Weights", "weights-2", "weights.2", "weights_ü", "weight", "a\nweights"]
)
def test_other_keys(key):
    assert not is_weights(key)


def test_a_place_is_the_name_seen_from_the_model():
    assert place("model.onnx", "a/b.data") == "a/b.data"
    assert place("net/model.onnx", "net/b.data") == "b.data"
    assert place("net/model.onnx", "network/b.data") is None
    assert beside({"model": "net/m", "card": "c", "weights": "net/a", "weights_2": "b"}) == {"a": "weights"}
    assert beside({}) == {}


@pytest.mark.parametrize("where", ["", "/a", "../a", "a/../b", "a//b", ".a", "a/.b", "a\\b", "./a", "a/"])
def test_a_place_stays_below_its_folder(where):
    with pytest.raises(ValueError, match="no place"):
        checked(where)
    assert checked("deep/er/model.onnx.data") == "deep/er/model.onnx.data"
