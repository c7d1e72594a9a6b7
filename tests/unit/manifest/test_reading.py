from __future__ import annotations

import json
import time

import pytest

from registry.manifest.errors import BadManifest
from registry.manifest.reading import MAX_BYTES, read


def fields_of(refusal):
    return [error["field"] for error in refusal.value.facts["errors"]]


def test_yaml_and_json_give_the_same_tree():
    tree = {"a": 1, "b": [1.5, True, None, "no"], "c": {"d": "2026-11-20T10:00:00Z", "e": -0.25}}
    text = "a: 1.0\nb: [1.5, true, ~, no]\nc:\n  d: 2026-11-20T10:00:00Z\n  e: -0.25\n"

    assert read(text.encode()) == read(json.dumps(tree).encode()) == tree


@pytest.mark.parametrize(
    "word", ["no", "yes", "on", "1:30", "0o17", "0x1f", "1_000", ".5", "2026-11", "=", "<<"]
)
def test_yaml_words_that_older_readers_turn_into_something_else_stay_text(word):
    assert read(f"a: {word}".encode()) == {"a": word}


@pytest.mark.parametrize("text", ['"1.0"', "'1.0'", "|-\n  1.0"])
def test_quoted_numbers_stay_text(text):
    assert read(f"a: {text}".encode()) == {"a": "1.0"}


def test_whole_floats_are_whole_numbers():
    assert repr(read(b"{a: 1.0, b: 1e3, c: -0.0, d: 1.5}")) == "{'a': 1, 'b': 1000, 'c': 0, 'd': 1.5}"
    assert repr(read(b'{"a": 1.0, "b": 1e3, "c": -0.0, "d": 1.5}')) == "{'a': 1, 'b': 1000, 'c': 0, 'd': 1.5}"


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (b"a: 1\na: 2", "a", "twice"),
        (b'{"x": {"a": 1, "a": 1}}', "x.a", "twice"),
        (b"x: {a: 1, a: {b: 2}}", "x.a", "twice"),
        (b"x: [{a: 1, a: 1}]", "x[0].a", "twice"),
        (b"a: *x\nb: &x 1", "manifest", "no anchor &x"),
        (b"a: &x [1, *x]", "manifest", "inside its own value"),
        (b"a: &x {b: {c: *x}}", "manifest", "inside its own value"),
        (b"a: &x 1\n*x : 2", "manifest", "alias"),
        (b"a: &x 1\nb: {<<: *x}", "manifest", "takes over mappings"),
        (b"a: {<<: {b: 1}, <<: {c: 1}}", "manifest", "takes over mappings"),
        (b"a: !!python/object/apply:os.system [true]", "manifest", "tag"),
        (b"a: !!int 3", "manifest", "tag"),
        (b"a: 1\n---\nb: 2", "manifest", "second document"),
        (b"? [a, b]\n: 1", "manifest", "key"),
        (b"- a\n- b", "manifest", "mapping"),
        (b"", "manifest", "mapping"),
        (b"\xff\xfea", "manifest", "UTF-8"),
        (b"a: [1", "manifest", "line"),
        (b'{"a": ]', "manifest", "JSON"),
        (b'{"a": NaN}', "a", "finite number"),
        (b'{"a": {"b": [1, -Infinity]}}', "a.b[1]", "finite number"),
        (b"a: {b: [1, .inf]}", "a.b[1]", "finite number"),
        (b"training: {hyperparameters: .nan}", "training.hyperparameters", "finite number"),
        (b"training: {hyperparameters2: {a: .nan}}", "training.hyperparameters2.a", "finite number"),
        (b'{"a": 1e999}', "a", "beyond"),
        (b"a: {b: 1e999}", "a.b", "beyond"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a", "number"),
        (b'{"a": "\\ud800"}', "a", "character"),
        (b'{"a": "x\\u0000y"}', "a", "character"),
        (b'{"a": {"k\\u0000": 1}}', "a", "character"),
    ],
)
def test_what_is_refused_names_the_place(text, field, words):
    with pytest.raises(BadManifest, match=words) as refusal:
        read(text)

    assert fields_of(refusal) == [field]


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b"{" * 100_000,
        b"a: " + b"[" * 60 + b"]" * 60,
        b'{"a":' + b"[" * 60 + b"]" * 60 + b"}",
        b"{a: " + b"[" * 200_000,
        b"".join(b"%s- a: \n" % (b"  " * i) for i in range(300)),
        b"{" + b",".join(b'"k%d":0' % i for i in range(50_500)) + b"}",
        b"a: " + b"x" * MAX_BYTES,
        b"a: 1" + b"\n# " * 200_000,
        b"? " * 200_000,
        b"- " * 200_000,
    ],
)
def test_deep_wide_and_long_documents_are_refused_quickly(text):
    started = time.monotonic()
    with pytest.raises(BadManifest):
        read(text)

    assert time.monotonic() - started < 5


def test_an_alias_is_the_value_of_its_anchor():
    text = b"a: &x {b: [1, &y two]}\nc: *x\nd: [*y, *y]\ne: &x 3\nf: *x"

    assert read(text) == {"a": {"b": [1, "two"]}, "c": {"b": [1, "two"]}, "d": ["two", "two"], "e": 3, "f": 3}


def test_a_mapping_takes_over_what_it_has_not_itself():
    text = b"a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {x: 0, <<: *a}\nd: {<<: [*a, *b], y: 3}\n'<<': 1"

    found = read(text)
    assert found["c"] == {"x": 0, "y": 1}
    assert found["d"] == {"y": 3, "x": 1, "z": 2}
    assert found["<<"] == 1


def laughing(link):
    return ["a0: &a0 [lol]"] + [f"a{i}: &a{i} {link(f'*a{i - 1}')}" for i in range(1, 12)]


@pytest.mark.parametrize(
    "lines",
    [
        laughing(lambda alias: f"[{', '.join([alias] * 9)}]"),
        laughing(lambda alias: "{" + ", ".join(f"k{i}: {alias}" for i in range(9)) + "}"),
        laughing(lambda alias: f"[{alias}]") + [f"b{i}: *a11" for i in range(6_000)],
        [f"a{i}: &a{i} 1" for i in range(28_000)] + [f"- *a{i}" for i in range(5)],
        ["a: &a {" + ", ".join(f"k{i}: 1" for i in range(5_000)) + "}", "b:"] + ["- {<<: *a}"] * 30_000,
        [f"- &a{i} x" for i in range(100_000)],
    ],
)
def test_laughter_by_the_billion_is_refused_before_it_is_heard(lines):
    started = time.monotonic()
    with pytest.raises(BadManifest, match=r"values|YAML|at most"):
        read("\n".join(lines).encode())

    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "text",
    [
        b'{"training": {"hyperparameters": {"a": NaN, "b": [Infinity, {"c": -Infinity}], "d": 1.0}}}',
        b"training: {hyperparameters: {a: .nan, b: [.inf, {c: -.Inf}], d: 1}}",
        b"training: {hyperparameters: {a: NaN, b: [Infinity, {c: -Infinity}], d: 1.0}}",
    ],
)
def test_what_is_not_finite_is_a_word_among_the_hyperparameters(text):
    said = {"a": "NaN", "b": ["Infinity", {"c": "-Infinity"}], "d": 1}

    assert read(text) == {"training": {"hyperparameters": said}}


def test_a_yaml_document_in_one_pair_of_braces_is_yaml():
    assert read(b"{a: b, c: [1]}") == {"a": "b", "c": [1]}
