"""The bridge between Django's two sides, under the real web server."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from config.serving import bridge, probes
from tests.servers import free_port, wait_until

ROOT = Path(__file__).parent.parent.parent


BEARER = {"Authorization": "Bearer good"}


@pytest.fixture(scope="module")
def port():
    number = free_port()
    command = [
        sys.executable, "-m", "config.serving.web", "tests.contracts.web_application:application",
        "--workers", "1", "--port", str(number),
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT)
    wait_until(lambda: probes.answers_http("127.0.0.1", number, "/"), "the web server")
    yield number
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture
def client(port):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, headers=BEARER) as client:
        yield client


def test_a_request_arrives_as_it_was_sent(client):
    answer = client.get(
        "/wörter/ä?x=1&y=%20", headers=[("Cookie", "a=1"), ("Cookie", "b=2"), ("X_Under", "no")]
    )
    method, path, query, cookie, under, pool, size, _ = answer.text.split("|")
    assert (method, path, query, cookie) == ("GET", "/wörter/ä", "x=1&y=%20", "a=1; b=2")
    assert under == "", "an underscore must not pass for a hyphen"
    assert (pool, size) == ("pages", "0")
    assert answer.headers.get_list("x-twice") == ["a", "b"]


@pytest.mark.skipif(sys.platform != "linux", reason="copies of a process are made on Linux alone")
def test_a_process_begins_as_a_copy_of_one_that_has_read_the_code(client):
    told = client.get("/").headers
    first = psutil.Process(int(told["x-process"])).parent()
    assert int(told["x-read-by"]) == first.pid


@pytest.mark.skipif(sys.platform != "linux", reason="copies of a process are made on Linux alone")
def test_code_that_starts_threads_while_it_is_read_is_not_served(tmp_path):
    source = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    (tmp_path / "threaded.py").write_text(f"{source}application = None\n")
    command = [sys.executable, "-m", "config.serving.web", "threaded:application", "--port", str(free_port())]
    paths = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **paths}, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert "threaded:application has threads before it is served" in done.stderr


@pytest.mark.parametrize(("size", "pool"), [(10, "pages"), (1 << 20, "pages"), (5 << 20, "uploads")])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_arrive_whole_whatever_their_size(client, size, pool, chunked):
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    pieces = (content[at : at + 70_000] for at in range(0, size, 70_000))
    answer = client.post("/", content=pieces if chunked else content).text.split("|")
    assert answer[5:] == [pool, str(size), hashlib.sha256(content).hexdigest()]


def test_a_generated_answer_stays_in_its_thread_and_arrives_whole(client):
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(client.get, "/stream") for _ in range(40)]
    assert all(one.result().text.split() == [str(number) for number in range(1000)] for one in answers)


def test_open_waits_do_not_slow_the_pages(port, client):
    with ThreadPoolExecutor(40) as pool:
        waits = [pool.submit(httpx.get, f"http://127.0.0.1:{port}/wait", timeout=20) for _ in range(40)]
        time.sleep(0.5)  # all of them are under way, which nothing but time can tell
        began = time.monotonic()
        assert client.get("/").status_code == 200
        assert time.monotonic() - began < 1.5, "a page waited for the long polls"
        assert {wait.result().text for wait in waits} == {"waited"}


def test_slow_uploads_do_not_slow_the_pages_and_are_refused_before_they_are_read(port, client):
    head = (
        b"POST /%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good%s\r\nContent-Length: 900000000\r\n\r\n"
    )
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
    for connection in slow:
        connection.sendall(head % (b"", b"-slow") + b"x" * 1000)
    wait_until(lambda: client.get("/reading", timeout=2).text == "2", "both uploads to be under way", 10)
    began = time.monotonic()
    assert client.get("/").status_code == 200
    assert time.monotonic() - began < 1.5, "a page waited for the uploads"
    for connection in slow:
        connection.close()
    with socket.create_connection(("127.0.0.1", port)) as refused:
        refused.sendall(head % (b"refuse", b""))
        refused.settimeout(10)
        assert refused.recv(1000).startswith(b"HTTP/1.1 403")


def test_a_client_that_goes_away_leaves_no_thread_behind(port, client):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good-%d\r\nContent-Length: 9000000\r\n\r\n"
    for number in range(9):  # three times as many as there are threads for uploads
        with socket.create_connection(("127.0.0.1", port)) as gone:
            gone.sendall(head % number + b"x")
    content = b"y" * (2 << 20)
    assert client.post("/", content=content).text.split("|")[6] == str(len(content))


def in_a_thread(receive, read):
    """What `read` makes in a thread of a body that the loop gets by `receive`."""

    async def both():
        body = bridge.Arriving(b"", receive, asyncio.get_running_loop())
        try:
            return await asyncio.to_thread(read, body)
        finally:
            body.stop()

    return asyncio.run(both())


def test_the_server_does_not_run_ahead_of_a_slow_reader():
    come = []

    async def receive():
        come.append(1)
        return {"type": "http.request", "body": b"x" * (1 << 20), "more_body": len(come) < 64}

    def read(body):
        piece, most, total = bytearray(1 << 18), 0, 0
        while size := body.readinto(piece):
            total += size
            time.sleep(0.001)  # time enough to run ahead
            most = max(most, (len(come) << 20) - total)
        return most, total

    most, total = in_a_thread(receive, read)

    assert total == 64 << 20
    assert (1 << 20) < most <= bridge.AHEAD_BYTES + (2 << 20)


def test_a_reader_does_not_wait_for_what_the_server_can_no_longer_give():
    async def receive():
        raise RuntimeError("the connection is no more")

    with pytest.raises(ConnectionResetError):
        in_a_thread(receive, lambda body: body.readinto(bytearray(10)))
