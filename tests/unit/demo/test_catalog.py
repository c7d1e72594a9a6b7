from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from demo import catalog
from registry.manifest import parse


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return catalog.build(tmp_path_factory.mktemp("versions"))


def answers(folder, rows):
    """What the graphs answer, extractor first where there is one."""
    for graph in ("extractor.onnx", "model.onnx"):
        if (folder / graph).exists():
            session = onnxruntime.InferenceSession(folder / graph)
            names = [output.name for output in session.get_outputs()]
            given = dict(zip(names, session.run(None, {session.get_inputs()[0].name: rows}), strict=True))
            rows = next(iter(given.values()))
    return given


def the_set(folder, name):
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


@pytest.mark.parametrize("version", catalog.VERSIONS, ids=lambda version: version.folder)
def test_every_version_is_a_complete_folder(folders, version):
    folder = folders[version.folder]
    manifest = parse((folder / "model.yaml").read_bytes())

    assert manifest.model == version.model
    assert {folder / name for name in manifest.files.values()} == set(folder.iterdir()) - {
        folder / "model.yaml"
    }
    (name,) = manifest.signature.inputs
    rows = the_set(folder, "confidence")[f"inputs/{name}"]
    assert rows.shape[1] == len(manifest.signature.inputs[name].features)
    assert {"label", "probabilities"} == set(answers(folder, rows))


@pytest.mark.parametrize("version", catalog.VERSIONS, ids=lambda version: version.folder)
def test_the_graphs_answer_what_the_library_answered(folders, version):
    folder = folders[version.folder]
    proven = the_set(folder, "end_to_end")
    (name,) = parse((folder / "model.yaml").read_bytes()).signature.inputs

    given = answers(folder, proven[f"inputs/{name}"])

    wrong = np.flatnonzero(given["label"] != proven["expected/label"]).tolist()
    assert wrong == ([3] if version.fails == "end_to_end" else [])
    difference = np.abs(given["probabilities"] - proven["expected/probabilities"])
    assert np.all(difference <= proven["atol"] + proven["rtol"] * np.abs(proven["expected/probabilities"]))


def accuracy(folder):
    judged = the_set(folder, "confidence")
    (name,) = parse((folder / "model.yaml").read_bytes()).signature.inputs
    return float((answers(folder, judged[f"inputs/{name}"])["label"] == judged["target"]).mean())


def test_the_second_digits_is_better_and_the_weak_one_is_out_of_its_range(folders):
    first, second, weak = (accuracy(folders[name]) for name in ("digits-1", "digits-2", "digits-weak"))

    assert weak < 0.925 < 0.955 < first < second
    assert parse((folders["digits-weak"] / "model.yaml").read_bytes()).metric.range[0] == 0.93


def test_wine_keeps_its_scaler_in_the_extractor(folders):
    assert (folders["wine-1"] / "extractor.onnx").exists()
    assert not (folders["digits-1"] / "extractor.onnx").exists()


def test_a_version_made_again_has_the_same_bytes(folders, tmp_path):
    again = catalog.VERSIONS[2].make(tmp_path)

    for path in folders["wine-1"].iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name
