from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from registry.manifest import (
    METRICS,
    BadManifest,
    DeclaredBytes,
    FileFact,
    MetricRange,
    canonical,
    identity,
    parse,
)
from tests.unit.manifest.documents import ABSENT, TREE, YAML, changed

FILES = {
    key: FileFact(name, 10 + i, f"{i:064x}")
    for i, (key, name) in enumerate(sorted(parse(YAML).files.items()))
}


def problems(text):
    with pytest.raises(BadManifest) as refusal:
        parse(text)
    return {error["field"]: error["message"] for error in refusal.value.facts["errors"]}


def test_every_fact_of_the_document_is_kept():
    manifest = parse(YAML)

    assert manifest.model == "digits"
    assert manifest.files["end_to_end"] == "end_to_end.npz"
    assert manifest.training.hyperparameters == {"C": 1, "penalty": None, "solvers": ["lbfgs", "saga"]}
    assert manifest.data.training.rows == 1437
    assert manifest.data.validation.sha256 is None
    assert manifest.metric.range == (0.93, 1)
    assert manifest.signature.inputs["pixels"].features == ("p00", "p01")
    assert manifest.built.at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert manifest.release is not None
    assert manifest.release.strategy == {"kind": "canary"}
    assert manifest.tags == {"team": "vision", "year": "2026"}


def test_whom_a_trial_names_is_read_and_kept_nowhere():
    trial = {"kind": "trial", "units": ["ana@example.org", "ben@example.org"]}
    manifest = parse(changed(release__strategy={"kind": "canary", "stages": [trial]}))
    assert manifest.release.strategy["stages"] == [trial]
    kept = manifest.document()["release"]["strategy"]["stages"]
    assert kept == [{"kind": "trial", "units": 2}]


def test_bytes_that_ci_promises_are_kept_beside_the_names():
    manifest = parse(changed(files__model={"path": "model.onnx", "sha256": "0" * 64, "size": 3}))

    assert manifest.files["model"] == "model.onnx"
    assert manifest.declared == {"model": DeclaredBytes("0" * 64, 3)}


def test_yaml_and_json_are_the_same_version():
    from_yaml, from_json = parse(YAML), parse(changed())

    assert from_yaml.normalised() == from_json.normalised()
    assert identity(from_yaml, FILES) == identity(from_json, FILES)
    assert len(identity(from_yaml, FILES)) == 64


def test_the_document_can_be_read_again():
    manifest = parse(YAML)

    assert parse(canonical(manifest.document())) == manifest


@pytest.mark.parametrize(
    "change",
    [
        {"tags": {"team": "other"}},
        {"aliases": ["candidate"]},
        {"release": ABSENT},
        {"release": "none"},
        {"signature__inputs__pixels__sensitive": ABSENT},
        {"training__hyperparameters": {"solvers": ["lbfgs", "saga"], "penalty": None, "C": 1.0}},
        {"built__at": "2026-11-20T05:00:00-05:00"},
        {"files__model": {"path": "model.onnx", "sha256": "0" * 64, "size": 3}},
    ],
)
def test_what_does_not_belong_to_the_identity_does_not_change_it(change):
    assert identity(parse(changed(**change)), FILES) == identity(parse(changed()), FILES)


@pytest.mark.parametrize(
    "change",
    [
        {"metric__range": [0.9, 1]},
        {"training__hyperparameters": {"C": 1.5}},
        {"training__hyperparameters": {"C": 1, "penalty": "none", "solvers": ["lbfgs", "saga"]}},
        {"signature__inputs__pixels__sensitive": True},
        {"signature__inputs__pixels__sensitive": "hash"},
        {"built__by": "somebody@example.org"},
        {"data__training__version": "2026-12"},
        {"rows": "requests"},
    ],
)
def test_every_fact_changes_the_identity(change):
    assert identity(parse(changed(**change)), FILES) != identity(parse(changed()), FILES)


@pytest.mark.parametrize("change", [{"size": 99}, {"sha256": "f" * 64}, {"name": "other.onnx"}])
def test_every_fact_of_a_file_changes_the_identity(change):
    fact = FILES["model"]
    values = {"name": fact.name, "size": fact.size, "sha256": fact.sha256} | change

    assert identity(parse(YAML), FILES | {"model": FileFact(**values)}) != identity(parse(YAML), FILES)


def test_files_of_weights_lie_beside_the_model_and_count_in_the_identity():
    files = TREE["files"] | {"model": "net/m.onnx", "weights": "net/m.data", "weights_2": "net/deep/n.data"}
    manifest = parse(changed(files=files))
    facts = {key: FileFact(name, 1, "a" * 64) for key, name in files.items()}
    other = facts | {"weights_2": FileFact("net/deep/n.data", 1, "b" * 64)}

    assert manifest.files == files
    assert identity(manifest, facts) != identity(manifest, other)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"model": "net/m.onnx", "weights": "m.data"}, "files.weights"),
        ({"weights": "../m.data"}, "files.weights"),
        ({"weights": "/m.data"}, "files.weights"),
        ({"weights_3": "model.onnx"}, "files.weights_3"),
        ({"weights-2": "m.data"}, "files.weights-2"),
        ({f"weights_{i}": f"m{i}.data" for i in range(51)}, "files"),
    ],
)
def test_files_of_weights_that_cannot_be(more, field):
    with pytest.raises(BadManifest) as refusal:
        parse(changed(files=TREE["files"] | more))

    assert field in {error["field"] for error in refusal.value.facts["errors"]}


def test_an_identity_over_other_files_than_the_manifest_names_is_refused():
    with pytest.raises(ValueError, match="names"):
        identity(parse(YAML), {"model": FILES["model"]})


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"modle": "digits"}, "modle", "did you mean 'model'"),
        ({"model": ABSENT}, "model", "missing"),
        ({"model": "digits\u202e"}, "model", "nobody sees"),
        ({"model": "x" * 201}, "model", "between 1 and 200"),
        ({"model": 7}, "model", "quotes"),
        ({"files": ABSENT}, "files", "missing"),
        ({"files": ["model.onnx"]}, "files", "mapping"),
        ({"files__model": ABSENT}, "files.model", "missing"),
        ({"files__card": ABSENT}, "files.card", "missing"),
        ({"files__requirements": ABSENT}, "files.requirements", "training.image"),
        ({"files__extracter": "x.onnx"}, "files.extracter", "did you mean 'extractor'"),
        ({"files__model": "../model.onnx"}, "files.model", ".."),
        ({"files__model": "/etc/passwd"}, "files.model", "relative"),
        ({"files__model": "a\\b"}, "files.model", "back-slash"),
        ({"files__model": "a/../b"}, "files.model", ".."),
        ({"files__model": "file:model.onnx"}, "files.model", "relative"),
        ({"files__model": "a" * 201}, "files.model", "200"),
        ({"files__model": {"path": "m.onnx", "sha256": "x"}}, "files.model.sha256", "64 hex"),
        ({"files__model": {"sha256": "0" * 64}}, "files.model.path", "missing"),
        ({"files__model": {"path": "m.onnx", "uri": "file:x"}}, "files.model.uri", "not a known"),
        ({"files__model": "CARD.md"}, "files.card", "already"),
        ({"training__library_version": 1.9}, "training.library_version", "quotes"),
        ({"training__hyperparameters": [1]}, "training.hyperparameters", "mapping"),
        ({"training__latency_ms": -1}, "training.latency_ms", "at least"),
        ({"data__training": ABSENT}, "data.training", "missing"),
        ({"data__validation": ABSENT}, "data.validation", "missing"),
        ({"data__training__sha256": "ABC"}, "data.training.sha256", "64 hex"),
        ({"data__training__sha256": ABSENT}, "data.training.sha256", "missing"),
        ({"data__training__rows": 0}, "data.training.rows", "at least 1"),
        ({"data__training__rows": True}, "data.training.rows", "whole"),
        ({"data__training__uri": "lake/digits"}, "data.training.uri", "scheme"),
        ({"data__training__schema": {"p00": 3}}, "data.training.schema.p00", "quotes"),
        ({"metric__name": "acuracy"}, "metric.name", "did you mean 'accuracy'"),
        ({"metric__name": "mean_abs_error"}, "metric.name", "did you mean 'mean_absolute_error'"),
        ({"metric__name": "neg_accuracy"}, "metric.name", "is not known"),
        ({"metric__name": "neg_log_loss", "metric__range": [0, 2]}, "metric.range", "never above 0"),
        ({"metric__class_axis": "middle"}, "metric.class_axis", "first, last"),
        ({"metric__reading": "pixels"}, "metric.reading", "labels, places"),
        (
            {"metric__reading": "labels", "metric__ignore": -1},
            "metric.ignore",
            "goes with reading: places",
        ),
        ({"metric__range": [1.0, 0.93]}, "metric.range", "above"),
        ({"metric__range": [0.93]}, "metric.range", "two numbers"),
        ({"metric__range": [0.93, 1.5]}, "metric.range", "lies between 0 and 1"),
        ({"metric__range": ["0.93", 1]}, "metric.range", "two numbers"),
        ({"metric__range": [True, 1]}, "metric.range", "two numbers"),
        ({"metric__margin": -0.1}, "metric.margin", "at least"),
        ({"metric__claimed": 1.2}, "metric.claimed", "lies between"),
        ({"metric__k": 3}, "metric.k", "means nothing"),
        ({"metric__name": "top_k"}, "metric.k", "needs it"),
        ({"signature__inputs__pixels__featurs": []}, "signature.inputs.pixels.featurs", "features"),
        ({"signature__inputs__pixels__features": ["a", "a"]}, "signature.inputs.pixels.features", "twice"),
        (
            {"signature__inputs__pixels__sensitive": "no"},
            "signature.inputs.pixels.sensitive",
            "true, false or hash",
        ),
        ({"signature__inputs__pixels__default": 0}, "signature.inputs.pixels.default", "optional"),
        ({"built__at": "2026-11-20T10:00:00"}, "built.at", "zone"),
        ({"built__at": "yesterday"}, "built.at", "date"),
        ({"built__by": ABSENT}, "built.by", "missing"),
        ({"built__by": "   "}, "built.by", "characters"),
        ({"release__environment": ABSENT}, "release.environment", "missing"),
        ({"release__strategy__kind": "canery"}, "release.strategy.kind", "did you mean 'canary'"),
        ({"release": "nope"}, "release", "mapping"),
        ({"rows": "row"}, "rows", "samples"),
        ({"tags": {"a": []}}, "tags.a", "short name"),
        ({"tags": "x"}, "tags", "mapping"),
        ({"aliases": ["a b"]}, "aliases", "short name"),
    ],
)
def test_each_wrong_value_is_named_by_its_field(change, field, words):
    found = problems(changed(**change))

    assert list(found) == [field]
    assert words in found[field]


def test_all_problems_are_told_at_once():
    found = problems(changed(model=ABSENT, metric__range=[2, 1], built__at="x", tagz={}))

    assert set(found) == {"model", "metric.range", "built.at", "tagz"}


def test_an_empty_document_says_what_is_missing():
    assert {"model", "files", "training", "data", "metric", "built"} <= set(problems(b"{}"))


def test_a_hyphen_in_a_strategy_is_the_same_strategy():
    manifest = parse(changed(release__strategy__kind="blue-green"))

    assert manifest.release is not None
    assert manifest.release.strategy["kind"] == "blue_green"


def test_a_strategy_names_a_kind_or_a_list_of_the_policy():
    assert parse(changed(release__strategy={"list": "careful"})).release.strategy == {"list": "careful"}
    assert "release.strategy.kind" in problems(changed(release__strategy={"mode": "auto"}))


def test_losses_are_lower_is_better_and_scores_are_higher_is_better():
    lower = {name for name, metric in METRICS.items() if not metric.higher_is_better}

    assert lower == {
        "hamming",
        "log_loss",
        "brier",
        "ece",
        "mae",
        "mse",
        "rmse",
        "median_ae",
        "mape",
        "pinball",
    }


def test_a_canonical_document_has_one_spelling():
    assert canonical({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'.encode()
    assert json.loads(canonical(parse(YAML).document())) == json.loads(canonical(parse(changed()).document()))


def test_other_names_of_a_metric_are_the_same_fact():
    same = {"metric__name": "mae", "metric__range": [0, 0.5], "metric__claimed": 0.2}
    own, named, turned = (
        parse(changed(**{**same, **more}))
        for more in (
            {},
            {"metric__name": "mean_absolute_error"},
            {
                "metric__name": "neg_mean_absolute_error",
                "metric__range": [-0.5, 0],
                "metric__claimed": -0.2,
            },
        )
    )
    assert own.normalised() == named.normalised() == turned.normalised()


def test_an_output_that_is_left_out_is_left_open():
    manifest = parse(changed(metric__output=ABSENT))
    assert manifest.metric.output is None
    assert "output" not in manifest.normalised()["metric"]
    assert MetricRange.from_json(manifest.normalised()["metric"]) == manifest.metric


def test_a_large_label_stays_whole():
    manifest = parse(changed(metric__name="recall", metric__positive=2**53 + 1))
    assert MetricRange.from_json(manifest.normalised()["metric"]).positive == 2**53 + 1


def test_a_version_may_bring_its_own_metric():
    own = {"metric__name": "own", "metric__range": [0, 3], "metric__claimed": ABSENT}
    manifest = parse(changed(**own, metric__higher_is_better=False, files__metric="metric.onnx"))
    assert (manifest.metric.sign, manifest.files["metric"]) == (-1, "metric.onnx")
    assert set(problems(changed(**own))) == {"metric.higher_is_better", "files.metric"}
    assert set(problems(changed(files__metric="metric.onnx"))) == {"files.metric"}
    assert set(problems(changed(metric__higher_is_better=True))) == {"metric.higher_is_better"}
