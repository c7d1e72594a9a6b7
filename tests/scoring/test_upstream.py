"""How the gRPC process keeps its connections, against servers that end them at the worst moments."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from scoring.grpc.upstream import NodeGone, Upstream
from tests.servers import free_port

OK = b"HTTP/1.1 200 OK\r\nX-Number: %d\r\nContent-Length: 2\r\n\r\nok"
REQUEST = [b"GET / HTTP/1.1\r\n\r\n"]


class Server:
    """Answers with the number of the request; `silent` ones are read and the connection is ended."""

    def __init__(self, *, silent=(), last=(), slow=(), answer=OK) -> None:
        self.silent, self.last, self.slow, self.answer = silent, last, slow, answer
        self.tasks: list[asyncio.Task[None]] = []
        self.requests = 0
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.tasks.append(asyncio.current_task())
        while await reader.readline():
            await reader.readline()
            self.requests += 1
            number = self.requests
            if number in self.slow:
                await asyncio.sleep(0.2)
            if number not in self.silent:
                writer.write(self.answer % number)
            if number in self.silent or number in self.last:
                break
        writer.close()

    @asynccontextmanager
    async def running(self, port: int = 0):
        server = await asyncio.start_server(self.serve, "127.0.0.1", port)
        upstream = Upstream(
            "127.0.0.1", server.sockets[0].getsockname()[1], idle_seconds=60, connect_seconds=1
        )
        try:
            yield upstream
        finally:
            upstream.close()
            server.close()
            await asyncio.gather(*self.tasks)


def test_a_connection_is_used_again():
    async def run() -> None:
        server = Server()
        async with server.running() as upstream:
            said = [(await upstream.ask(REQUEST)).headers["x-number"] for _ in range(5)]
            assert said == ["1", "2", "3", "4", "5"]
            assert server.connections == 1

    asyncio.run(run())


def test_one_that_was_ended_while_nobody_used_it_is_replaced():
    async def run() -> None:
        server = Server(last=(1,))
        async with server.running() as upstream:
            assert (await upstream.ask(REQUEST)).body == b"ok"
            async with asyncio.timeout(5):
                while upstream._idle[0].alive:
                    await asyncio.sleep(0.01)
            assert (await upstream.ask(REQUEST)).body == b"ok"
            assert (server.connections, server.requests) == (2, 2)

    asyncio.run(run())


def test_what_was_sent_to_a_worker_that_died_is_not_sent_again():
    async def run() -> None:
        server = Server(silent=(2,))
        async with server.running() as upstream:
            await upstream.ask(REQUEST)
            with pytest.raises(NodeGone, match="is gone"):
                await upstream.ask(REQUEST)
            assert server.requests == 2
            assert (await upstream.ask(REQUEST)).headers["x-number"] == "3"

    asyncio.run(run())


def test_the_answer_to_a_call_that_was_given_up_goes_to_nobody():
    async def run() -> None:
        server = Server(slow=(1,))
        async with server.running() as upstream:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(upstream.ask(REQUEST), 0.05)
            assert (await upstream.ask(REQUEST)).headers["x-number"] == "2"
            assert server.connections == 2

    asyncio.run(run())


def test_a_node_that_is_away_for_a_moment_is_waited_for_and_one_that_stays_away_is_not():
    async def run() -> None:
        port = free_port()
        upstream = Upstream("127.0.0.1", port, idle_seconds=60, connect_seconds=1)
        early = asyncio.ensure_future(upstream.ask(REQUEST))
        await asyncio.sleep(0.1)
        assert not early.done()
        async with Server().running(port):
            assert (await early).body == b"ok"
            upstream.close()

        began = time.monotonic()
        with pytest.raises(NodeGone, match="cannot be reached"):
            await Upstream("127.0.0.1", free_port(), idle_seconds=60, connect_seconds=0.2).ask(REQUEST)
        assert time.monotonic() - began < 5

    asyncio.run(run())


def test_what_is_no_http_ends_the_call_and_the_connection():
    async def run() -> None:
        server = Server(answer=b"hello %d\r\n\r\n")
        async with server.running() as upstream:
            with pytest.raises(NodeGone, match="did not answer in HTTP"):
                await upstream.ask(REQUEST)
            assert not upstream._idle

    asyncio.run(run())
