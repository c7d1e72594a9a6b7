"""An answer that waits on disk for a slow client, where the disk for temporary files is full or read-only."""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import nullcontext

import pytest

from config.serving.hybrid import ANSWERS, STRANGERS_BODY_BYTES, Hybrid
from config.serving.known import Known
from config.serving.pools import Pools
from tests.disks import small_disk


class Large:
    """Two megabytes that are generated."""

    streaming = True

    def __iter__(self):
        return iter([bytes(STRANGERS_BODY_BYTES)] * 8)


def wsgi(environ, start_response):
    start_response("200 OK", [])
    return Large()


async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}


def asked(path):
    """Status and body of the answer to a GET."""
    sent = []

    async def send(message):
        sent.append(message)

    async def ask():
        pools = Pools.usual()
        known = Known(lambda headers: "", lambda shown: False, pools.strangers)
        hybrid = Hybrid(None, wsgi, kind=lambda *_: ANSWERS, known=known, pools=pools)
        scope = {"method": "GET", "path": path, "query_string": b"", "headers": [], "http_version": "1.1"}
        await hybrid(scope, receive, send)

    asyncio.run(ask())
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def small(tmp_path, monkeypatch):
    with small_disk(tmp_path / "small") as made:
        monkeypatch.setattr(tempfile, "tempdir", str(made.path))
        yield made


@pytest.mark.parametrize(
    ("trouble", "status", "code"), [("full", 507, "no_room"), ("closed", 503, "read_only")]
)
def test_it_is_a_sentence_and_the_next_one_comes_whole(small, trouble, status, code):
    if trouble == "full":
        small.fill()
    with small.read_only() if trouble == "closed" else nullcontext():
        told, body = asked("/api/v1/events")
        assert asked("/log")[1].startswith(b"The server's disk ")
    assert (told, json.loads(body)["code"]) == (status, code)

    if trouble == "full":
        small.make_room()
    assert asked("/log") == (200, bytes(2 << 20))
