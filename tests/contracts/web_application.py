"""What tests/contracts/test_web_server.py serves: a plain application on each side of the bridge."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import threading
import time

from config.serving.hybrid import ANSWERS, INSPECTS, LIVES, READY, WAITS, Hybrid
from config.serving.known import Known
from config.serving.pools import Pool, Pools

READ_BY = os.getpid()
"""The process that has read this code."""
READING: set[int] = set()
COUNTED = itertools.count(1)


class Streamed:
    """A generated answer that belongs to its thread, as a database cursor does."""

    streaming = True

    def __iter__(self):
        mine = threading.get_ident()
        for number in range(1000):
            assert threading.get_ident() == mine
            yield f"{number}\n".encode()


def wsgi(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/reading":
        start_response("200 OK", [])
        return [str(len(READING)).encode()]
    if path == "/count":
        start_response("200 OK", [])
        return [str(next(COUNTED)).encode()]
    if path == "/large":
        start_response("200 OK", [])
        return [b"x" * (32 << 20)]
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Streamed()
    if path in ("/slow", "/inspect"):
        time.sleep(0.2)
    if path == "/refuse":
        start_response("403 Forbidden", [("Content-Length", "2")])
        return [b"no"]
    READING.add(threading.get_ident())
    body, left = b"", int(environ.get("CONTENT_LENGTH") or 0)
    while left and (piece := environ["wsgi.input"].read(min(left, 65_536))):
        body, left = body + piece, left - len(piece)
    READING.discard(threading.get_ident())
    pool = threading.current_thread().name.split("_")[0]
    told = [
        environ["REQUEST_METHOD"], path.encode("latin-1").decode(), environ["QUERY_STRING"],
        environ.get("HTTP_COOKIE", ""), environ.get("HTTP_X_UNDER", ""), pool,
        str(len(body)), hashlib.sha256(body).hexdigest(),
    ]  # fmt: skip
    twice = [("X-Twice", "a"), ("X-Twice", "b")]
    start_response(
        "200 OK",
        [
            ("Content-Type", "text/plain"),
            ("X-Process", str(os.getpid())),
            ("X-Read-By", str(READ_BY)),
            *twice,
        ],
    )
    return ["|".join(told).encode()]


async def asgi(scope, receive, send):
    await asyncio.sleep(3)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"waited"})


def kind(method, path):
    return {"/wait": WAITS, "/inspect": INSPECTS, "/healthz": LIVES, "/readyz": READY}.get(path, ANSWERS)


def inspects(method, path):
    return kind(method, path) == INSPECTS


pools = Pools(
    pages=Pool("pages", 2, 50),
    uploads=Pool("uploads", 3, 20, each=2),
    inspections=Pool("inspections", 1, 3, each=3),
    strangers=Pool("strangers", 2, 8, each=6),
    probes=Pool("probes", 1, 8),
    door=Pool("door", 1, 50),
)


def whose(shown):
    """`Bearer good` is good's, `Bearer good-7` somebody else's."""
    return shown.removeprefix("Bearer ") if shown.startswith("Bearer good") else ""


known = Known(lambda headers: headers.get("authorization", ""), whose, pools.door)
application = Hybrid(asgi, wsgi, kind=kind, known=known, pools=pools, arriving=(30, 10))
