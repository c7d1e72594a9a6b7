"""Whatever a set's file is, its reader refuses it in a sentence, or every row can be asked."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.sets import BadSet, SetLimits, open_set
from formats.sets.fitting import fits
from releases.proof.examiner.tensors import json_request
from tests.contracts.set_files import CASES
from tests.fuzz import documents
from tests.fuzz.amount import examples

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(600)]
LIMITS = SetLimits(content_bytes=1 << 20, rows=1000)
KNOWN = sorted(CASES)


def read(content: bytes, which: str, signature, rows) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set"
        path.write_bytes(content)
        try:
            opened = open_set(path, which, signature, rows=rows, limits=LIMITS)
            opened.gaps()
        except BadSet as bad:
            said = bad.message
        else:
            can_be_asked(opened.load(Path(folder)), signature)
            return
    assert 10 < len(said) < 600
    assert json.dumps(said, ensure_ascii=False).encode()


def can_be_asked(found, signature) -> None:
    for row in range(min(found.rows, 20)):
        asked = found.inputs.row(row)
        assert json.dumps(json_request(asked, signature.inputs), allow_nan=False)
        for spec in signature.inputs:
            assert spec.name in asked or spec.optional
            assert spec.name not in asked or fits(asked[spec.name].shape, spec.shape)


@given(
    st.sampled_from(KNOWN),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4),
    st.floats(0, 1),
)
@examples(400)
def test_a_set_with_changed_bytes(name, changes, kept):
    case = CASES[name]
    content = bytearray(case.content)
    for place, byte in changes:
        if content:
            content[int(place * len(content))] = byte
    cut = len(content) if kept > 0.3 else int(kept / 0.3 * len(content))
    read(bytes(content[:cut]), case.which, case.signature, case.rows)


@given(st.sampled_from(KNOWN), st.lists(st.one_of(documents.values, documents.rows), min_size=1, max_size=3))
@examples(400)
def test_lines_of_anything(name, values):
    case = CASES[name]
    truth = f'"expected": {{"{case.signature.outputs[0].name}": {values[-1]}}}'
    if case.which == "confidence":
        truth = f'"target": {values[-1]}'
    names = [spec.name for spec in case.signature.inputs]
    lines = []
    for value in values:
        inputs = ", ".join(f'"{name}": {value}' for name in names)
        lines.append(f'{{"inputs": {{{inputs}}}, {truth}}}')
    read("\n".join(lines).encode(errors="replace"), case.which, case.signature, case.rows)
