"""The API takes bodies that are compressed by gzip, within the limits of what they unpack to."""

from __future__ import annotations

import gzip
import json

import pytest
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests.api import parts

MODEL = {"name": "packed", "description": "d", "task": "classification"}


def send(ci, address, body, *, kind="application/json", encoding="gzip"):
    headers = ci.headers | {"Content-Encoding": encoding}
    return ci.http.generic("POST", f"/api/v1{address}", body, content_type=kind, headers=headers)


def packed(document) -> bytes:
    return gzip.compress(json.dumps(document).encode(), mtime=0)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_json_is_taken(ci, encoding):
    answer = send(ci, "/models", packed(MODEL), encoding=encoding)
    assert answer.status_code == 201, answer.content


def test_an_upload_is_taken_and_the_same_as_one_that_came_as_it_was(ci, digits):
    form = encode_multipart(BOUNDARY, parts.form(digits))
    answer = send(ci, f"/models/{digits}/versions", gzip.compress(form), kind=MULTIPART_CONTENT)
    assert answer.status_code == 201, answer.content
    again = ci.upload(digits, parts.form(digits))
    assert (again.status_code, again.json()["digest"]) == (200, answer.json()["digest"])


@pytest.mark.parametrize(
    "body",
    [b"nonsense", packed(MODEL)[:-9], packed(MODEL) * 2, packed(MODEL) + b"x", gzip.compress(b"{", mtime=0)],
)
def test_what_does_not_unpack_is_said_so(ci, body):
    answer = send(ci, "/models", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "not_json")


def test_a_bomb_is_read_no_further_than_the_limit(ci, digits, settings):
    settings.UPLOAD_LIMIT_BYTES = 1 << 20
    bomb = gzip.compress(bytes(200 << 20))
    assert send(ci, "/models", bomb).json()["code"] == "too_large"
    form = encode_multipart(BOUNDARY, parts.form(digits) | {"card": "x" * (8 << 20)})
    answer = send(ci, f"/models/{digits}/versions", gzip.compress(form), kind=MULTIPART_CONTENT)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "gzip, gzip"])
def test_other_encodings_are_refused_by_name(ci, encoding):
    answer = send(ci, "/models", packed(MODEL), encoding=encoding)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "gzip" in answer.json()["detail"]


def test_nothing_is_unpacked_for_strangers_or_for_pages(nobody):
    assert send(nobody, "/models", packed(MODEL)).status_code == 401
    answer = nobody.http.post(
        "/login", gzip.compress(b"x"), "text/plain", headers={"Content-Encoding": "gzip"}
    )
    assert answer.status_code == 415
