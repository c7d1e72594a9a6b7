from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.errors import BadRequestId
from scoring.request_ids import BY_NAME, RequestId, make, model_tag, parse

KEY = bytes(range(32))
FIELDS = RequestId(model_tag("digits"), 7, 12, BY_NAME, 2**64 - 1, 1_790_000_000_123, 65_535)


@given(
    st.builds(
        RequestId,
        model=st.binary(min_size=8, max_size=8),
        version=st.integers(0, 2**32 - 1),
        revision=st.integers(0, 2**32 - 1),
        arm=st.integers(0, 255),
        unit=st.integers(0, 2**64 - 1),
        at_ms=st.integers(0, 2**48 - 1),
        counter=st.integers(0, 2**16 - 1),
        rows=st.integers(0, 2**16 - 1),
    )
)
def test_an_id_says_again_what_was_put_in(fields):
    text = make(KEY, fields)

    assert len(text) == 64
    assert set(text) <= set(string.ascii_letters + string.digits + "-_")
    assert parse(text, KEY) == fields


def test_more_rows_than_an_id_can_say_are_not_said():
    assert parse(make(KEY, replace(FIELDS, rows=2**16)), KEY).rows == 0


def test_an_id_that_was_made_before_ids_told_of_rows_is_read():
    before = "zGtrrTGg_00AAAAHAAAADP___________wGgxFBse___e8hnTh1hSiOqRqUzcVC1"
    assert parse(before, KEY) == FIELDS


def test_every_other_spelling_is_refused():
    text = make(KEY, FIELDS)
    for place, letter in enumerate(text):
        other = "A" if letter != "A" else "B"
        with pytest.raises(BadRequestId):
            parse(text[:place] + other + text[place + 1 :], KEY)


def test_plus_and_slash_are_not_a_second_spelling():
    texts = [make(KEY, RequestId(FIELDS.model, n, 1, 0, 0, 0, 0)) for n in range(50)]
    text = next(text for text in texts if "-" in text and "_" in text)

    with pytest.raises(BadRequestId):
        parse(text.replace("-", "+").replace("_", "/"), KEY)


@pytest.mark.parametrize(
    "text", ["", "short", "é" * 64, "=" * 64, make(KEY, FIELDS) + "AAAA", make(KEY, FIELDS)[:-4]]
)
def test_what_is_no_id_is_refused_with_a_sentence(text):
    with pytest.raises(BadRequestId, match="request id"):
        parse(text, KEY)


def test_an_id_of_another_installation_is_refused():
    with pytest.raises(BadRequestId, match="not made here"):
        parse(make(bytes(32), FIELDS), KEY)


def test_a_short_key_stops_the_process():
    with pytest.raises(ValueError, match="32"):
        make(b"short", FIELDS)
