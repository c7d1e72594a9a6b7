"""`python -m scoring.grpc`: gRPC in front of a scoring node. Everything is an argument; see `--help`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

import grpc
import uvloop

from scoring import open_files
from scoring.addresses import networks
from scoring.grpc.arriving import Arrivals
from scoring.grpc.service import Service
from scoring.grpc.upstream import Upstream
from scoring.limits import Limits

_ENVELOPE_BYTES = 1 << 20
"""Names, shapes and parameters around the tensors that the bound is meant for."""
_CONNECTIONS = 4096
"""As many as the node's own door takes."""
_IDLE_MS = 60_000
"""A minute without a call: the client opens a new connection when it has one."""
_IDENTITY_AND_GZIP = 1 << 0 | 1 << 2
"""gRPC numbers them 0 and 2; deflate, 1, is left out, for hardly anybody sends it."""


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """Exits on `--help` and on what cannot be read."""
    limits = Limits()
    parser = argparse.ArgumentParser(prog="python -m scoring.grpc", description="Score over gRPC.")
    add = parser.add_argument
    add("--node", required=True, help="http://host:port of the scoring node")
    add("--host", default="127.0.0.1")
    add("--port", type=int, required=True, help="TCP port; 0 picks a free one")
    add("--binary-bytes", type=int, default=limits.binary_bytes, help="the largest message that is taken")
    add("--concurrency", type=int, default=256, help="calls at once; more are refused")
    add("--deadline-seconds", type=float, default=limits.deadline_seconds, help="the node's own")
    add("--drain-seconds", type=float, default=limits.drain_seconds)
    add("--connect-seconds", type=float, default=1.0, help="how long to look for a node that is away")
    add("--message-seconds", type=float, default=10.0, help="how long a call's message may take to arrive")
    add("--handshake-ms", type=int, default=10_000, help="how long a connection may say nothing at first")
    add("--trusted", default="", help="addresses and networks of proxies, by comma")
    given = parser.parse_args(arguments)
    try:
        given.proxies = networks(given.trusted)
    except ValueError as error:
        parser.error(f"--trusted: {error}")
    address = urlsplit(given.node)
    if address.scheme != "http" or not address.hostname:
        parser.error("--node is an address like http://127.0.0.1:8001")
    given.node_host, given.node_port = address.hostname, address.port or 80
    return given


async def serve(given: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; then let the calls under way end. The exit code."""
    upstream = Upstream(
        given.node_host,
        given.node_port,
        idle_seconds=Limits().idle_seconds * 0.8,
        connect_seconds=given.connect_seconds,
    )
    service = Service(
        upstream,
        Arrivals(given.concurrency, given.message_seconds, given.proxies),
        concurrency=given.concurrency,
        seconds=given.deadline_seconds + given.connect_seconds + 1.0,
        most_bytes=given.binary_bytes + _ENVELOPE_BYTES,
        most_held=Limits().held_bytes,
    )
    server = grpc.aio.server(
        options=[
            # Two servers on one port would share its calls without a word.
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", given.binary_bytes + _ENVELOPE_BYTES),
            ("grpc.max_send_message_length", -1),
            # gRPC unpacks without a bound, so what is compressed comes to us as it was sent.
            ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_AND_GZIP),
            ("grpc.per_message_decompression", 0),
            # Who connects and says nothing, or falls silent for long, is let go.
            ("grpc.server_handshake_timeout_ms", given.handshake_ms),
            ("grpc.max_connection_idle_ms", _IDLE_MS),
            ("grpc.keepalive_time_ms", _IDLE_MS),
            ("grpc.max_allowed_incoming_connections", _CONNECTIONS),
        ],
        maximum_concurrent_rpcs=given.concurrency * 2,
    )
    server.add_generic_rpc_handlers(tuple(service.handlers()))
    host = f"[{given.host}]" if ":" in given.host else given.host
    try:
        port = server.add_insecure_port(f"{host}:{given.port}")
    except RuntimeError:
        sys.stderr.write(f"scoring over gRPC cannot start: port {given.port} on {given.host} is taken\n")
        return 2
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await server.start()
    logging.getLogger("scoring.grpc").info("gRPC listens on %s:%s for the node %s", host, port, given.node)
    await stopped.wait()
    await server.stop(given.drain_seconds)
    upstream.close()
    return 0


def main() -> int:
    open_files.allow(_CONNECTIONS)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s grpc %(levelname)s %(message)s")
    return uvloop.run(serve(read(sys.argv[1:])))


if __name__ == "__main__":
    sys.exit(main())
