"""The inspection as the product calls it: files in, an account out, whatever the files do."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from registry import sandbox
from registry.inspection import Policy, inspect, report
from registry.inspection.parent import _limits
from registry.sandbox import Limits
from tests.unit.inspection import graphs
from tests.unit.inspection.conftest import MANIFEST


def test_a_good_version_passes(version):
    found = inspect(version(), manifest=MANIFEST)

    assert (found.refusals, found.findings, found.loaded) == ((), (), True)
    assert [spec.name for spec in found.signature.inputs] == ["x"]
    assert found.sets["confidence"].rows == 3
    assert 0 < found.load_seconds < 60


def test_files_that_only_we_can_read_are_shown_too(version):
    files = version()
    for path in files.values():
        path.chmod(0o600)

    assert inspect(files, manifest=MANIFEST).loaded


def test_a_pickle_is_refused_and_the_sentence_says_so(version):
    found = inspect(version(model=b"\x80\x04\x95junk"), manifest=MANIFEST)

    assert [refusal.code for refusal in found.refusals] == ["not_onnx"]
    assert "pickle" in found.refusals[0].message


def test_too_large_files_are_refused_without_a_cell(version, monkeypatch):
    monkeypatch.setattr(sandbox, "run", None)

    found = inspect(version(), manifest=MANIFEST, policy=Policy(file_bytes=10))

    assert [refusal.field for refusal in found.refusals] == ["files.model"]


LOOSE = Policy(tree_depth=1 << 30, nodes=1 << 62, nesting=1 << 20, depth=1 << 30)


def test_a_model_that_crashes_when_it_loads_is_a_finding(version):
    x = np.ones((1, 2), np.float32)
    sets = {
        "end_to_end": {"inputs/x": x, "expected/y": x[:, :1]},
        "confidence": {"inputs/x": x, "target": x[:, 0]},
    }
    files = version(model=graphs.deep_tree(100_000), **sets)

    found = inspect(files, manifest=MANIFEST, policy=LOOSE, limits=Limits(wall_seconds=60))

    assert [finding.code for finding in found.findings] == ["does_not_load"]
    assert "crashed" in found.findings[0].message
    assert found.signature is not None
    assert found.sets["end_to_end"].rows == 1


def test_a_model_whose_reading_never_ends_is_an_account_and_not_an_exception(version):
    files = version(model=graphs.doubling_functions(30))

    found = inspect(files, manifest=MANIFEST, policy=LOOSE, limits=Limits(wall_seconds=3, cpu_seconds=60))

    assert [refusal.code for refusal in found.refusals] == ["unreadable"]
    assert "did not end within 3 s" in found.refusals[0].message


def test_what_never_ends_is_told_within_a_minute_and_large_files_have_longer(tmp_path):
    bounds = {}
    for megabytes in (1, 40, 2048):
        with (tmp_path / str(megabytes)).open("wb") as stream:
            stream.truncate(megabytes << 20)
        bounds[megabytes] = _limits({"model": tmp_path / str(megabytes)}, {})

    assert bounds[40].wall_seconds < 60
    assert all(each.cpu_seconds < each.wall_seconds for each in bounds.values())
    assert 300 < bounds[2048].wall_seconds < 600
    assert bounds[40].cpu_seconds - bounds[1].cpu_seconds < 10


def test_a_child_without_memory_is_an_account_too(version):
    found = inspect(version(), manifest=MANIFEST, limits=Limits(memory_bytes=20 << 20))

    assert [refusal.code for refusal in found.refusals] == ["unreadable"]


@pytest.mark.parametrize(
    "output",
    ["", "not json\n", "{}\n", "[]\n", '{"refusals": []}\n', "x" * 1000, "null\n" * 3, "[" * 100_000 + "\n"],
)
def test_a_child_that_talks_nonsense_is_not_believed(version, monkeypatch, output):
    chatter = ["-c", f"print({output!r}, end='')"]
    monkeypatch.setattr(sandbox, "python", lambda module: chatter)

    found = inspect(version(), manifest=MANIFEST)

    assert [refusal.code for refusal in found.refusals] == ["unreadable"]
    assert found.signature is None


def test_a_report_survives_its_journey_and_nothing_else_does(version, examined):
    whole = examined(version()).to_json()
    assert report.parse(json.dumps(whole).encode()).to_json() == whole

    broken = [
        whole | {"sets": {"other": {"rows": 1, "kind": "samples"}}},
        whole | {"sets": {"confidence": {"rows": -1, "kind": "samples"}}},
        whole | {"sets": {"confidence": {"rows": 1, "kind": "columns"}}},
        whole | {"refusals": [{"code": 1, "field": "", "message": ""}]},
        whole | {"findings": [{"code": "x", "message": "x"}] * 1000},
        whole | {"findings": [{"code": "x", "message": "x" * 100_000}]},
        whole | {"graphs": {"../model": whole["graphs"]["model"]}},
        whole | {"load_seconds": "soon"},
        whole | {"signature": {"inputs": [{"name": "x", "datatype": "PICKLE", "shape": []}], "outputs": []}},
        {key: value for key, value in whole.items() if key != "loaded"},
    ]
    for document in broken:
        with pytest.raises(ValueError, match=r"."):
            report.parse(json.dumps(document).encode())


def test_importing_the_parent_imports_no_parser():
    parsers = ("onnx", "onnxruntime", "django")
    program = f"import sys, registry.inspection; print([m for m in {parsers} if m in sys.modules])"

    assert sandbox.run(["-c", program]).stdout == b"[]\n"


def test_mutated_models_never_get_past_the_cell(version):
    """A few of the hundred thousand of the long run: every account is an account."""
    generator = np.random.default_rng(20261121)
    good = np.frombuffer(graphs.deep_tree(20), np.uint8)
    for _ in range(3):
        bad = good.copy()
        bad[generator.integers(0, len(bad), 30)] = generator.integers(0, 256, 30)
        found = inspect(version(model=bad.tobytes()), manifest=MANIFEST, limits=Limits(wall_seconds=20))
        assert found.refusals or found.findings or found.loaded
    assert onnx.ModelProto.FromString(good.tobytes()).graph.node
