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
        (b"a: &x 1\nb: *x", "manifest", "anchors"),
        (b"a: !!python/object/apply:os.system [true]", "manifest", "tag"),
        (b"a: !!int 3", "manifest", "tag"),
        (b"a: 1\n---\nb: 2", "manifest", "second document"),
        (b"? [a, b]\n: 1", "manifest", "key"),
        (b"- a\n- b", "manifest", "mapping"),
        (b"", "manifest", "mapping"),
        (b"\xff\xfea", "manifest", "UTF-8"),
        (b"a: [1", "manifest", "line"),
        (b'{"a": ]', "manifest", "JSON"),
        (b'{"a": NaN}', "manifest", "number"),
        (b'{"a": 1e999}', "manifest", "beyond"),
        (b"a: 1e999", "manifest", "beyond"),
        (b'{"a": ' + b"9" * 5000 + b"}", "manifest", "number"),
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


def test_billion_laughs_is_refused_before_it_is_built():
    lines = ["a0: &a0 lol"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]

    with pytest.raises(BadManifest, match="anchors"):
        read("\n".join(lines).encode())


def test_a_yaml_document_in_one_pair_of_braces_is_yaml():
    assert read(b"{a: b, c: [1]}") == {"a": "b", "c": [1]}
