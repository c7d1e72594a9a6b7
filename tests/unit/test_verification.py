"""Calling a node from outside: a row that is late is asked again, one that is late for good is a problem."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from formats.answers import Tolerances
from releases.rollout.switching.verification import Answers, Target, verify_node

OUTPUT = {"name": "y", "datatype": "FP32", "shape": [1], "data": [1.0]}
ROW = {"set": "end_to_end", "row": 0, "request": {"inputs": []}, "outputs": [OUTPUT]}


@pytest.fixture
def node():
    """A node that answers late as often as it is told, as slot 0."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        late, asked = 0, 0

        def log_message(self, *arguments: object) -> None:
            pass

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            Handler.asked += 1
            late = Handler.asked <= Handler.late
            body = {"error": "late"} if late else {"model_version": "7", "outputs": [OUTPUT]}
            content = json.dumps(body).encode()
            self.send_response(504 if late else 200)
            self.send_header("X-Assay-Worker", "n/0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server, Handler
    server.shutdown()
    server.server_close()
    thread.join()


def verified(server) -> list[str]:
    target = Target("n", f"http://127.0.0.1:{server.server_port}", (0,), "/v2/models/m/infer", "t", 7)
    return verify_node(target, Answers(Tolerances.from_json({"atol": 0, "rtol": 0}), (ROW,)))


def test_a_node_that_was_busy_twice_is_asked_a_third_time(node):
    server, handler = node
    handler.late = 2
    assert verified(server) == []
    assert handler.asked == 3


def test_a_row_that_is_late_three_times_is_a_problem(node):
    server, handler = node
    handler.late = 3
    assert verified(server) == ["n: worker n/0: end_to_end row 0: 504 late"]
    assert handler.asked == 3
