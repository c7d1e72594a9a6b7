"""Text pipelines: their operators, their limits, and the locale that they need."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import onnx
import onnxruntime
import pytest

from formats.types import Signature
from scoring.errors import BadModel, BodyTooLarge
from scoring.runtime import locales, words
from scoring.runtime.onnx import load
from scoring.runtime.pipe import Pipe
from tests.unit.inspection.graphs import model, node, tokenizer, value


@pytest.fixture
def found(version, examined):
    return lambda content: examined(version(model=content, end_to_end=None, confidence=None), manifest={})


def codes(report):
    return [finding.code for finding in report.findings]


@pytest.mark.locale
def test_a_tokenizer_behind_small_letters_passes_and_loads(found):
    report = found(tokenizer())

    assert codes(report) == []
    assert report.loaded


def test_without_the_locale_the_machine_is_named_and_not_the_model(found, monkeypatch):
    monkeypatch.setattr(locales, "has", lambda name=locales.LOCALE: False)
    report = found(tokenizer())

    assert codes(report) == ["no_locale"]
    assert report.findings[0].message == locales.MISSING
    assert codes(found(tokenizer(lower=False))) == []
    same = [node("StringNormalizer", ["s"], ["t"], case_change_action="NONE", stopwords=["the"])]
    kinds = [value(name, onnx.TensorProto.STRING, ("N",)) for name in "st"]
    assert codes(found(model(same, kinds[:1], kinds[1:]))) == []


def test_another_locale_than_ours_is_found(found):
    kinds = [value(name, onnx.TensorProto.STRING, ("N",)) for name in "st"]
    there, elsewhere = (
        model(
            [node("StringNormalizer", ["s"], ["t"], case_change_action="UPPER", locale=locale)],
            kinds[:1],
            kinds[1:],
        )
        for locale in ("C.UTF-8", "xx_YY.UTF-8")
    )

    assert codes(found(there)) == []
    assert codes(found(elsewhere)) == ["text"]


@pytest.mark.parametrize(
    "attributes", [{"tokenexp": "(a|b)?" * 1_000}, {"pad_value": "#" * 65}, {"separators": ["ab"] * 1_001}]
)
def test_a_tokenizer_beyond_its_limits_is_found(found, attributes):
    if "separators" in attributes:
        attributes = attributes | {"tokenexp": ""}
    assert codes(found(tokenizer(lower=False, **attributes))) == ["text"]


def test_an_expression_that_cannot_be_used_is_told_in_our_words_first(found):
    report = found(tokenizer(lower=False, tokenexp="["))

    assert codes(report) == ["does_not_load"]
    assert "The expression of a Tokenizer cannot be used. It says: " in report.findings[0].message
    assert "/onnxruntime_src/" not in report.findings[0].message


def test_expressions_run_in_time_that_grows_with_the_text_alone():
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    hostile = onnxruntime.InferenceSession(tokenizer(lower=False, tokenexp="(a*)*(a|aa)+b"), options)

    (tokens,) = hostile.run(None, {"s": np.array(["a" * 200_000], dtype=object)})
    assert tokens.shape == (1, 0)


def test_one_long_text_among_many_is_refused_before_it_makes_all_rows_as_wide(tmp_path):
    content = tokenizer(lower=False)
    (tmp_path / "m").write_bytes(content)
    graph = load(tmp_path / "m", sha256(content).hexdigest())
    pipe = Pipe(Signature(graph.inputs, graph.outputs), graph)
    texts = np.array(["a"] * 4_096, dtype=object)

    assert pipe.run({"s": texts})[0].shape == (4_096, 1)
    texts[7] = "b" * 8_193
    with pytest.raises(BodyTooLarge, match="fewer rows"):
        pipe.run({"s": texts})
    assert pipe.run({"s": np.array(["b" * (1 << 25)], dtype=object)})[0].shape == (1, 1)


def test_a_node_without_the_locale_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(locales, "has", lambda name=locales.LOCALE: False)
    said = words.refusal(RuntimeError("Failed to construct locale with name:en_US.UTF-8"))
    assert said.startswith(f"onnxruntime refuses the graph. {locales.MISSING} It says: ")
    (tmp_path / "m").write_bytes(b"none")
    with pytest.raises(BadModel, match="onnxruntime refuses the graph"):
        load(tmp_path / "m", sha256(b"none").hexdigest())
