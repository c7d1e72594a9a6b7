"""One reader at both doors: what upload takes can be proven, and what it refuses no proof would have read."""

from __future__ import annotations

import re

import numpy as np
import pytest

from formats.sets import SetLimits
from registry.inspection.refusals import Refused
from registry.inspection.sets import read_sets, refuse_other_outputs
from registry.manifest import MetricRange
from releases.proof.examiner.findings import BadSet
from releases.proof.examiner.loading import load
from releases.proof.examiner.spec import Spec
from tests.contracts.set_files import CASES, REQUESTS, SAMPLES

KINDS = (SAMPLES, REQUESTS)


@pytest.fixture
def doors(tmp_path):
    return lambda case: Doors(case, tmp_path)


class Doors:
    """A case's file, brought to the upload and to the proof."""

    def __init__(self, case, folder):
        self.case = case
        self.folder = folder
        self.path = folder / "set"
        self.path.write_bytes(case.content)

    def upload(self) -> str:
        """What a row is, or the refusal's sentence."""
        files, manifest = {self.case.which: self.path}, {"rows": self.case.rows}
        read = read_sets(files, manifest, self.case.signature, SetLimits())
        if read.refusals:
            assert read.refusals[0].field in (f"files.{self.case.which}", "rows")
            return read.refusals[0].message
        try:
            refuse_other_outputs(files, manifest, self.case.signature, SetLimits())
        except Refused as refused:
            return refused.refusal.message
        return read.sets[self.case.which].kind

    def load(self):
        metric = MetricRange("mae", "y", (0, 1))
        sets = {self.case.which: self.path}
        return load(
            Spec(
                self.path, "m", 1, sets, self.case.signature, metric, scratch=self.folder, rows=self.case.rows
            ),
            self.case.which,
        )

    def proof(self) -> str:
        try:
            return self.load().kind
        except BadSet as bad:
            return str(bad)


@pytest.mark.parametrize("name", CASES)
def test_a_set_has_one_verdict(doors, name):
    case = CASES[name]
    both = doors(case)

    at_upload, at_proof = both.upload(), both.proof()

    if case.verdict in KINDS:
        assert at_upload == case.verdict
    else:
        assert re.search(case.verdict, at_upload)
        assert at_upload not in KINDS
    assert at_upload == at_proof or (case.values and at_proof in KINDS)


def test_every_refusal_is_one_sentence(doors):
    for name, case in CASES.items():
        said = doors(case).upload()
        if said not in KINDS:
            assert said[-1] in ".?", name
            assert len(said) < 400, name


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if case.verdict in (SAMPLES, REQUESTS)]
)
def test_each_row_of_a_set_that_is_taken_can_be_asked(doors, name):
    case = CASES[name]
    found = doors(case).load()

    for row in range(found.rows):
        asked = found.inputs.row(row)
        for spec in case.signature.inputs:
            if spec.name in asked:
                assert asked[spec.name].ndim == len(spec.shape)
            else:
                assert spec.optional
        if found.expected is not None:
            assert {array.ndim for array in found.expected.row(row).values()} == {
                len(spec.shape) for spec in case.signature.outputs
            }


def test_the_values_are_the_files(doors):
    for name in ("column-major", "big-endian", "packed", "64-bit floats", "whole numbers for floats"):
        found = doors(CASES[name]).load()
        np.testing.assert_array_equal(found.inputs.arrays["x"], np.arange(6).reshape(3, 2))
        np.testing.assert_array_equal(found.expected.arrays["y"], np.arange(3))
