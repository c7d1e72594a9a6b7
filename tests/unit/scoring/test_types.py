from __future__ import annotations

import json

import pytest

from formats.types import Signature, TensorSpec, Tolerance, VersionRef

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


LIMITED = TensorSpec(
    "age",
    "FP32",
    (-1, 2),
    features=("a", "b"),
    symbols=("people", ""),
    missing=True,
    infinite=True,
    range=(0, 120),
    choices=(1.0, 2.0),
    enforce="clip",
)
PROMISED = TensorSpec("y", "FP32", (-1,), finite=True, tolerance=Tolerance(1e-3, 0.0))


def test_what_is_said_of_values_survives_the_way_through_json():
    signature = Signature((LIMITED,), (PROMISED,))
    again = Signature.from_json(json.loads(json.dumps(signature.to_json())))

    assert again == signature
    assert again.inputs[0].symbols == ("people", "")


def test_what_an_earlier_release_wrote_allows_and_promises_what_it_did_then():
    spec = TensorSpec.from_json({"name": "x", "datatype": "FP32", "shape": [-1]})

    assert (spec.missing, spec.infinite, spec.finite) == (False, False, None)
    assert (spec.range_rule(), spec.choices_rule()) == ("", "")
    assert spec.to_json() == {
        "name": "x",
        "datatype": "FP32",
        "shape": [-1],
        "features": [],
        "optional": False,
    }


@pytest.mark.parametrize(
    ("enforce", "choices", "range_"),
    [
        ("", "refuse", "count"),
        ("refuse", "refuse", "refuse"),
        ("count", "count", "count"),
        ("clip", "refuse", "clip"),
    ],
)
def test_choices_refuse_and_ranges_count_unless_said_otherwise(enforce, choices, range_):
    spec = TensorSpec("x", "FP32", (-1,), range=(0, 1), choices=(0.0, 1.0), enforce=enforce)

    assert (spec.choices_rule(), spec.range_rule()) == (choices, range_)


def free(name, symbol=""):
    return TensorSpec(name, "FP32", (-1, 2), symbols=(symbol, "") if symbol else ())


@pytest.mark.parametrize(
    ("inputs", "said", "kind"),
    [
        ((free("a"), free("b")), None, "samples"),
        ((free("a", "n"), free("b", "n")), None, "samples"),
        ((free("a", "n"), free("b")), None, "samples"),
        ((free("nodes", "n"), free("edges", "e")), None, "requests"),
        ((free("nodes", "n"), free("edges", "e")), "samples", "samples"),
        ((free("a"), free("b")), "requests", "requests"),
        ((free("a"), TensorSpec("s", "FP32", ())), "samples", "requests"),
        ((TensorSpec("fixed", "FP32", (1, 2)),), None, "requests"),
    ],
)
def test_a_row_is_a_sample_where_one_axis_runs_through_all_inputs(inputs, said, kind):
    assert Signature(inputs, ()).row_kind(said) == kind


def test_specs_are_the_same_whatever_their_graph_calls_the_axes_and_differ_in_all_else():
    plain = TensorSpec("x", "FP32", (-1, 2))
    named = TensorSpec("x", "FP32", (-1, 2), symbols=("rows", ""))

    assert plain == named
    assert len({plain, named}) == 1
    assert plain != TensorSpec("x", "FP32", (-1, 2), missing=True)
    assert plain != TensorSpec("x", "FP32", (-1, 2), sensitive="omit")
    assert plain != "x"
