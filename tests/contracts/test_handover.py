"""What takes long is answered apart: its connection is handed to another process of the real web server."""

from __future__ import annotations

import ctypes
import hashlib
import http.client
import os
import platform
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from config.serving import handover, probes
from config.serving.turns import SHORT_NS
from tests.servers import free_port, wait_until

ROOT = Path(__file__).parent.parent.parent
BEARER = {"Authorization": "Bearer good"}
HEAD = b"POST /inspect HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n"
PAGE = b"GET /page HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n\r\n"

RELEASE = tuple(map(int, re.findall("[0-9]+", platform.release())[:2]))
SHORTENS = platform.machine() == "x86_64" and RELEASE >= (6, 12)
READ_ATTRIBUTES = 315
"""`sched_getattr` of x86-64."""

pytestmark = pytest.mark.skipif(not handover.POSSIBLE, reason="no connections are handed over on this system")


@contextmanager
def served(*more: str) -> Iterator[int]:
    number = free_port()
    command = [
        sys.executable, "-m", "config.serving.web", "tests.contracts.web_application:application",
        "--apart", "tests.contracts.web_application:inspects", "--workers", "1", "--port", str(number), *more,
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_until(lambda: probes.answers_http("127.0.0.1", number, "/"), "the web server")
        httpx.post(f"http://127.0.0.1:{number}/inspect", headers=BEARER, timeout=20)
        yield number
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def port():
    with served() as number:
        yield number


@pytest.fixture
def client(port):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, headers=BEARER) as client:
        yield client


def process(answer: httpx.Response) -> int:
    return int(answer.headers["x-process"])


def apart(port: int) -> int:
    """The process to which connections are handed over."""
    return process(httpx.post(f"http://127.0.0.1:{port}/inspect", headers=BEARER, timeout=20))


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 10)


def heard(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    connection.settimeout(20)
    found = b""
    while piece := connection.recv(65_536):
        found += piece
    return found


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_what_takes_long_is_answered_by_another_process_than_pages(client):
    pages = {process(client.get("/page")) for _ in range(3)}
    apart = {process(client.post("/inspect", content=b"x" * 100)) for _ in range(3)}
    assert len(pages) == len(apart) == 1
    assert pages != apart


def test_the_other_process_steps_back_behind_pages(client):
    pages, apart = process(client.get("/page")), process(client.post("/inspect"))
    niceness = [os.getpriority(os.PRIO_PROCESS, each) for each in (pages, apart)]
    assert niceness[1] == niceness[0] + handover.BEHIND_PAGES


def turns(pid: int) -> list[int]:
    """Nanoseconds that the kernel lets each thread of a process go on."""
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        told = ctypes.create_string_buffer(48)
        assert ctypes.CDLL(None).syscall(READ_ATTRIBUTES, int(thread.name), told, len(told), 0) == 0
        found.append(struct.unpack("=IIQiIQQQ", told)[5])
    return found


@pytest.mark.skipif(not SHORTENS, reason="this kernel gives everybody turns as long as it likes")
def test_all_threads_of_pages_have_short_turns_and_none_of_the_others(client):
    pages, apart = process(client.get("/page")), process(client.post("/inspect"))
    [older] = [each for each in turns(pages) if each != SHORT_NS]
    assert older, "the thread that tells the parent that this process lives is there before its loop"
    assert SHORT_NS not in turns(apart)


def test_a_connection_that_has_been_used_is_handed_over_as_well_and_closed_after_its_answer(port):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as used:
        used.request("GET", "/page", headers=BEARER)
        page = used.getresponse()
        page.read()
        used.sock.sendall(HEAD + b"Content-Length: 3\r\n\r\nabc")
        inspected = heard(used.sock)
    assert page.headers["connection"] is None
    assert b"connection: close" in inspected
    assert inspected.startswith(b"HTTP/1.1 200")
    assert hashlib.sha256(b"abc").hexdigest().encode() in inspected


@pytest.mark.parametrize("size", [0, 10, 70_000, 900_000, 5 << 20])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_arrive_whole_whatever_their_size(client, size, chunked):
    content = os.urandom(size)
    pieces = (content[at : at + 70_000] for at in range(0, size, 70_000))
    answer = client.post("/inspect", content=pieces if chunked else content).text.split("|")
    pool = "inspections" if size <= 1 << 20 else "uploads"
    assert answer[5:] == [pool, str(size), hashlib.sha256(content).hexdigest()]


def test_a_head_that_comes_byte_by_byte_is_handed_over_in_whole(port):
    with connected(port) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in HEAD + b"Content-Length: 3\r\n\r\nabc":
            one.sendall(bytes([byte]))
        assert hashlib.sha256(b"abc").hexdigest().encode() in heard(one)


def test_who_says_no_more_after_the_request_is_answered(port):
    with connected(port) as one:
        one.sendall(HEAD + b"Content-Length: 3\r\n\r\nabc")
        one.shutdown(socket.SHUT_WR)
        assert heard(one).startswith(b"HTTP/1.1 200")


def test_who_waits_to_be_told_to_go_on_is_told(port):
    with connected(port) as one:
        one.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        one.settimeout(20)
        assert one.recv(1000).startswith(b"HTTP/1.1 100")
        one.sendall(b"abc")
        assert heard(one).startswith(b"HTTP/1.1 200")


def test_an_offer_of_another_protocol_is_passed_over_there_too(port):
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    with connected(port) as one:
        one.sendall(HEAD + offer + b"Content-Length: 3\r\n\r\nabc")
        answer = heard(one)
    assert hashlib.sha256(b"abc").hexdigest().encode() in answer
    assert b"x-process: %d" % apart(port) in answer


@pytest.mark.parametrize("at_once", [True, False])
def test_behind_an_answer_that_is_still_due_it_is_answered_where_it_is(port, client, at_once):
    """Were the connection handed over, the first answer would be lost."""
    first = PAGE.replace(b"/page", b"/slow")
    then = HEAD + b"Connection: close\r\nContent-Length: 3\r\n\r\nabc"
    with connected(port) as one:
        if at_once:
            one.sendall(first + then)
        else:
            one.sendall(first)
            client.get("/page")  # the server has read by now what came before
            one.sendall(then)
        answer = heard(one)
    processes = re.findall(rb"x-process: (\d+)", answer)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert len(processes) == 2
    assert len(set(processes)) == 1


def test_what_follows_a_request_that_was_handed_over_is_not_begun(port, client):
    with connected(port) as one:
        one.sendall(HEAD + b"Content-Length: 3\r\n\r\nabc" + PAGE.replace(b"/page", b"/count"))
        assert heard(one).count(b"HTTP/1.1 200") == 1
    assert client.get("/count").text == "1"


def test_strangers_are_bounded_there_as_at_the_door(port):
    with connected(port) as one:
        one.sendall(HEAD.replace(b"good", b"bad") + b"Content-Length: 3000000\r\n\r\n" + b"x" * 300_000)
        assert heard(one).startswith(b"HTTP/1.1 413")


def test_who_sends_too_slowly_is_told_so_there_as_well():
    with served("--window-s=0.3", "--sweep-s=0.05") as port, connected(port) as one:
        one.sendall(HEAD + b"Content-Length: 3000000\r\n\r\n" + b"x")
        assert heard(one).startswith(b"HTTP/1.1 408")


def test_pages_do_not_notice_that_the_other_process_stands_still(port, client):
    with connected(port) as one:
        with stopped(apart(port)):
            one.sendall(HEAD + b"Content-Length: 3\r\n\r\nabc")
            assert client.get("/page", timeout=5).status_code == 200
        assert heard(one).startswith(b"HTTP/1.1 200"), "it has waited"


def test_who_waits_for_a_process_that_is_killed_is_answered_by_the_next(port):
    doomed = apart(port)
    with connected(port) as one:
        with stopped(doomed):
            one.sendall(HEAD + b"Content-Length: 3\r\n\r\nabc")
            os.kill(doomed, signal.SIGKILL)
        answer = heard(one)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"x-process: %d" % doomed not in answer


def test_where_too_many_wait_for_it_one_more_is_told_to_come_again():
    with served("--per-address=1000") as port, ExitStack() as stack:
        with stopped(apart(port)):
            many = [stack.enter_context(connected(port)) for _ in range(200)]
            for one in many:
                one.sendall(HEAD + b"Content-Length: 0\r\n\r\n")
            refused = heard(many[-1])
            assert httpx.get(f"http://127.0.0.1:{port}/", headers=BEARER).status_code == 200
        answered = heard(many[0])
    assert refused.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 2" in refused
    assert answered.startswith(b"HTTP/1.1 200")
