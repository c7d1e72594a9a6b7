from __future__ import annotations

import pytest

from formats.types import Signature, TensorSpec, VersionRef

PIXELS = TensorSpec("pixels", "FP32", (-1, 64), features=("p00", "p01"))
LABEL = TensorSpec("label", "INT64", (-1,), optional=True)


def test_a_signature_survives_the_way_through_json():
    signature = Signature((PIXELS,), (LABEL,))

    assert Signature.from_json(signature.to_json()) == signature


def test_features_and_optional_may_be_left_out():
    spec = TensorSpec.from_json({"name": "x", "datatype": "BYTES", "shape": [-1]})

    assert (spec.features, spec.optional) == ((), False)


@pytest.mark.parametrize(("datatype", "shape"), [("float", (1,)), ("FP32", (-2,))])
def test_a_spec_that_no_protocol_knows_is_refused(datatype, shape):
    with pytest.raises(ValueError, match="tensor 'x'"):
        TensorSpec("x", datatype, shape)


def test_a_version_is_named_by_model_and_number():
    ref = VersionRef("digits", 3, "ab" * 32)

    assert str(ref) == "digits/3"
    assert VersionRef.from_json(ref.to_json()) == ref
