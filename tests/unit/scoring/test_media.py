"""Which bodies are taken by what they say that they are."""

from __future__ import annotations

import pytest

from scoring.errors import UnsupportedType
from scoring.worker.media import check


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"application/json",
        b"Application/JSON; charset=UTF-8",
        b'application/json; charset="utf-8"',
        b"application/json;charset=utf8",
        b"application/json; charset=us-ascii",
        b"application/vnd.kserve.v2+json",
        b"application/octet-stream",
        b"application/x-www-form-urlencoded",
        b"text/plain; charset=utf-8",
        b"application/json; format=pandas-split",
        b"*/*",
    ],
)
def test_json_and_binary_tensors_are_read_and_so_is_what_says_nothing(value):
    check(value)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b"text/csv", "'text/csv' is not read here: send JSON"),
        (b"multipart/form-data; boundary=x", "'multipart/form-data'"),
        (b"image/png", "'image/png'"),
        (b"application/xml", "'application/xml'"),
        (b"text/html; charset=utf-8", "'text/html'"),
        (b"application/json; charset=utf-16", "the charset 'utf-16' is not read here: send UTF-8"),
        (b'application/json; charset="ISO-8859-1"', "send UTF-8"),
        (b"\xff\xfe", "is not read here"),
        (b"application/" + b"x" * 10_000, "is not read here"),
    ],
)
def test_what_says_that_it_is_something_else_is_refused(value, sentence):
    with pytest.raises(UnsupportedType) as caught:
        check(value)
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 300
