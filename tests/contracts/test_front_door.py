"""Clients that are silent, slow or malformed, under the real web server: nobody else notices them."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from config.serving import probes
from tests.servers import free_port, wait_until

ROOT = Path(__file__).parent.parent.parent
CONNECTIONS, PER_ADDRESS = 60, 20
BEARER = {"Authorization": "Bearer good"}
KNOWN = b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n"
ADDRESSES = [f"127.0.0.{number}" for number in range(2, 8)]


def serving(*more: str) -> tuple[subprocess.Popen[bytes], int]:
    number = free_port()
    command = [
        sys.executable, "-m", "config.serving.web", "tests.contracts.web_application:application",
        "--workers", "1", "--port", str(number), "--connections", str(CONNECTIONS),
        "--per-address", str(PER_ADDRESS), *more,
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT)
    wait_until(lambda: probes.answers_http("127.0.0.1", number, "/"), "the web server")
    return process, number


@pytest.fixture(scope="module")
def patient():
    """A server whose deadlines are far away: only its bounds can help."""
    process, number = serving()
    yield number
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture(scope="module")
def impatient():
    """A server that gives up soon."""
    soon = [
        f"--{name}=0.3" for name in ("first-byte-s", "head-s", "strangers-body-s", "window-s", "unread-s")
    ]
    process, number = serving(*soon, "--sweep-s=0.05", "--trusted=127.0.0.9")
    yield number
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture
def opened():
    with ExitStack() as stack:

        def open_one(port: int, address: str = "127.0.0.1", said: bytes = b"") -> socket.socket:
            one = socket.create_connection(("127.0.0.1", port), 10, (address, 0))
            stack.enter_context(one)
            one.sendall(said)
            return one

        yield open_one


def heard(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    found = b""
    try:
        while piece := connection.recv(65_536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def page(port: int, **more: str) -> int:
    return httpx.get(f"http://127.0.0.1:{port}/", headers=BEARER, timeout=10, **more).status_code


SILENT = b""
HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: local"
HALF_A_BODY = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf"


@pytest.mark.parametrize("said", [SILENT, HALF_A_HEAD, HALF_A_BODY])
def test_unfinished_requests_of_one_address_keep_nobody_out(patient, opened, said):
    held = [opened(patient, ADDRESSES[0], said) for _ in range(3 * PER_ADDRESS)]
    assert page(patient) == 200
    held[0].settimeout(10)
    assert heard(held[0])[:12] in (b"", b"HTTP/1.1 503"), "the one that was silent for longest had to go"


def test_silent_connections_of_many_addresses_keep_nobody_out(patient, opened):
    for address in ADDRESSES:
        for _ in range(CONNECTIONS // 2):
            opened(patient, address)
    for _ in range(5):
        assert page(patient) == 200


def test_who_is_being_answered_is_never_sent_away(patient, opened):
    wait = b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n"
    waits = [opened(patient, ADDRESSES[0], wait) for _ in range(PER_ADDRESS)]
    more = opened(patient, ADDRESSES[0])
    answer = heard(more)
    assert status(answer) == 503
    assert b"retry-after: 2" in answer
    assert page(patient) == 200, "another address has room"
    for one in waits:
        one.settimeout(10)
        assert status(one.recv(1000)) == 200


def test_where_all_places_are_taken_by_who_is_being_answered_nobody_new_is_let_in(patient, opened):
    wait = b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n"
    held = [
        opened(patient, address, wait)
        for address in ADDRESSES[: CONNECTIONS // PER_ADDRESS]
        for _ in range(PER_ADDRESS)
    ]
    answer = heard(opened(patient, ADDRESSES[-1]))
    assert status(answer) == 503
    assert b"Too many connections" in answer
    assert {status(one.recv(1000)) for one in held} == {200}


def test_a_known_clients_upload_is_not_sent_away(patient, opened):
    head = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\nContent-Length: 3000000\r\n\r\n"
    )
    upload = opened(patient, ADDRESSES[1], head + b"x" * 1000)
    reading = f"http://127.0.0.1:{patient}/reading"
    wait_until(lambda: httpx.get(reading, headers=BEARER).text == "1", "the upload to be under way", 10)
    for _ in range(2 * PER_ADDRESS):
        opened(patient, ADDRESSES[1])
    upload.sendall(b"x" * (3_000_000 - 1000))
    assert status(upload.recv(1000)) == 200


def test_who_says_nothing_is_let_go(impatient, opened):
    assert heard(opened(impatient)) == b""


@pytest.mark.parametrize(
    "said",
    [
        HALF_A_HEAD,
        HALF_A_BODY,
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        KNOWN + b"Content-Length: 3000000\r\n\r\nslow",
    ],
)
def test_what_does_not_arrive_in_time_is_told_so(impatient, opened, said):
    answer = heard(opened(impatient, said=said))
    assert status(answer) == 408
    assert b"retry-after: 2" in answer
    assert page(impatient) == 200


def test_a_slow_body_counts_by_its_pace_where_its_sender_is_known(impatient, opened):
    head = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\nContent-Length: 2100000\r\n\r\n"
    )
    upload = opened(impatient, said=head)
    upload.settimeout(0.025)
    for _ in range(20):  # half a second: longer than a stranger has
        upload.sendall(b"x" * 100_000)
        with suppress(TimeoutError):
            assert upload.recv(1000) == b""
    upload.sendall(b"x" * 100_000)
    upload.settimeout(10)
    assert status(upload.recv(1000)) == 200


@pytest.mark.parametrize(
    "said",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nbody\r\n",
        KNOWN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbodyand",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_request_is_told_so(patient, opened, said):
    answer = heard(opened(patient, said=said))
    assert status(answer) == 400
    assert b"This is not an HTTP request" in answer


def test_a_body_that_ends_too_early_is_told_so(patient, opened):
    for head in (b"", b"Authorization: Bearer good\r\n"):
        one = opened(
            patient, said=b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"Content-Length: 3000000\r\n\r\nx"
        )
        one.shutdown(socket.SHUT_WR)
        assert status(heard(one)) in (400, 413)


def test_who_only_closes_the_sending_side_gets_the_answer(patient, opened):
    one = opened(patient, said=b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
    one.shutdown(socket.SHUT_WR)
    answer = heard(one)
    assert status(answer) == 200
    assert b"|4|" in answer


def test_an_answer_that_nobody_reads_is_given_up(impatient, opened):
    one = opened(impatient, said=b"GET /large HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n\r\n")
    ours = one.getsockname()

    def is_held() -> bool:
        """A client that reads nothing does not see that its connection is closed: the kernel does."""
        return any(
            each.raddr == ours and each.status == psutil.CONN_ESTABLISHED
            for each in psutil.net_connections("tcp")
        )

    wait_until(lambda: not is_held(), "the connection to be closed", 15)
    assert len(heard(one)) < 32 << 20
    assert page(impatient) == 200


def test_one_address_does_not_fill_the_strangers_queue(patient, opened):
    slow = b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    asked = [opened(patient, ADDRESSES[4], slow) for _ in range(12)]
    assert httpx.get(f"http://127.0.0.1:{patient}/").status_code == 200, "another address waits its turn"
    assert any(status(heard(one)) == 503 for one in asked)


def test_one_address_does_not_take_all_places_for_bodies_of_strangers(patient, opened):
    for _ in range(10):
        opened(patient, ADDRESSES[5], HALF_A_BODY)
    answer = heard(opened(patient, ADDRESSES[5], HALF_A_BODY))
    assert status(answer) == 503
    assert b"requests of yours" in answer
    other = opened(patient, said=HALF_A_BODY)
    other.sendall(b"x" * 96)
    assert status(other.recv(1000)) == 200


def test_a_head_without_an_end_is_not_kept(patient, opened):
    for said in (b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000, b"GET /" + b"x" * 200_000):
        assert status(heard(opened(patient, said=said))) == 431


def test_a_problem_under_api_is_a_problem_document(patient, opened):
    said = b"POST /api/v1/x?y HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    answer = heard(opened(patient, said=said))
    assert b"application/problem+json" in answer
    assert b'"instance": "/api/v1/x"' in answer


@pytest.mark.parametrize(("path", "expected"), [("/api/v1/models", 401), ("/login", 413)])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer bad"}])
def test_a_strangers_large_body_is_not_read(patient, path, expected, headers):
    answer = httpx.post(f"http://127.0.0.1:{patient}{path}", content=b"x" * (1 << 20), headers=headers)
    assert answer.status_code == expected
    assert "262,144 bytes" in answer.text


def test_strangers_in_any_number_have_a_queue_of_their_own(patient, opened):
    """Sixteen at once, where two are answered and eight may wait."""
    slow = b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    asked = [opened(patient, said=slow) for _ in range(16)]
    assert page(patient) == 200
    answers = [heard(one) for one in asked]
    assert {status(answer) for answer in answers} == {200, 503}
    assert all(b"retry-after: 2" in answer for answer in answers if status(answer) == 503)


def test_a_load_balancer_is_answered_at_once_however_many_wait(patient, opened):
    """Who watches us is a stranger, and would end us where it has to wait among the others."""
    slow = b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    asked = [opened(patient, address, slow) for address in ADDRESSES[2:4] for _ in range(8)]
    refused = httpx.get(f"http://127.0.0.1:{patient}/")
    lives = httpx.get(f"http://127.0.0.1:{patient}/healthz")
    ready = httpx.get(f"http://127.0.0.1:{patient}/readyz")
    assert refused.status_code == 503, "the strangers' queue is full"
    assert (lives.status_code, lives.json()) == (200, {"live": True})
    assert "|probes|" in ready.text
    head = httpx.head(f"http://127.0.0.1:{patient}/healthz")
    assert (head.status_code, head.content) == (200, b"")
    for one in asked:
        heard(one)


def test_one_person_leaves_room_for_anothers_upload(patient, opened):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good-%s\r\nContent-Length: 3000000\r\n\r\nx"
    for _ in range(2):
        opened(patient, said=head % b"slow")
    reading = f"http://127.0.0.1:{patient}/reading"
    wait_until(lambda: httpx.get(reading, headers=BEARER).text == "2", "both uploads to be under way", 10)
    answer = heard(opened(patient, said=head % b"slow"))
    assert status(answer) == 503
    assert b"retry-after: 2" in answer
    assert b"requests of yours" in answer
    other = {"Authorization": "Bearer good-other"}
    sent = httpx.post(f"http://127.0.0.1:{patient}/", headers=other, content=b"x" * (2 << 20), timeout=10)
    assert sent.status_code == 200
    assert page(patient) == 200


def test_inspections_wait_beside_the_pages_and_are_refused_where_too_many_do(patient, opened):
    inspect = KNOWN.replace(b"POST /", b"POST /inspect") + b"Connection: close\r\nContent-Length: 1\r\n\r\nx"
    asked = [opened(patient, said=inspect) for _ in range(9)]
    other = inspect.replace(b"Bearer good", b"Bearer good-other")
    assert status(heard(opened(patient, said=other))) == 200, "one person does not fill the queue"
    assert page(patient) == 200
    answers = [heard(one) for one in asked]
    assert {status(answer) for answer in answers} == {200, 503}
    assert all(b"|inspections|" in answer for answer in answers if status(answer) == 200)
    assert all(b"retry-after: 2" in answer for answer in answers if status(answer) == 503)


def test_a_request_for_another_protocol_is_answered_in_this_one(patient, opened):
    """As Java's client asks with every first request; its body must not be lost."""
    said = (
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nContent-Length: 4\r\n\r\nbody"
    )
    one = opened(patient, said=said)
    one.shutdown(socket.SHUT_WR)
    assert re.search(rb"\|4\|[0-9a-f]{64}", heard(one))


def test_requests_in_a_row_are_answered_in_a_row(patient, opened):
    one = opened(
        patient,
        said=b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
        + b"GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    answer = heard(one)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.index(b"|/a|") < answer.index(b"|/b|")


def test_connections_of_a_trusted_proxy_are_not_one_persons(impatient):
    """It stands for many, so it may have more than one address may."""
    with ExitStack() as stack:
        url = f"http://127.0.0.1:{impatient}/"
        for _ in range(PER_ADDRESS + 10):
            transport = httpx.HTTPTransport(local_address="127.0.0.9")
            proxied = stack.enter_context(httpx.Client(transport=transport, headers=BEARER, timeout=10))
            assert proxied.get(url).status_code == 200
        assert page(impatient) == 200


def test_a_worker_that_is_stopped_is_replaced():
    process, number = serving("--hangs-after-s", "1")
    try:
        (worker,) = psutil.Process(process.pid).children()
        worker.suspend()
        wait_until(lambda: probes.answers_http("127.0.0.1", number, "/"), "another worker", 30)
    finally:
        process.terminate()
        process.wait(timeout=10)
