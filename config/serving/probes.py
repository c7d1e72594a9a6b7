"""Is it there yet? Short questions to a process that has just been started. No Django, no exceptions."""

from __future__ import annotations

import http.client
import socket
import sys
from pathlib import Path

TIMEOUT_S = 1.0
"""A server that says nothing for so long is no server that is ready; one on loopback answers in
milliseconds."""


def answers_http(host: str, port: int, path: str) -> bool:
    """True when a GET of `path` is answered by a program that works: anything below 500."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def answers_ping(path: Path) -> bool:
    """True when the Redis-speaking server on this socket has loaded its data and says PONG."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT_S)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def accepts(host: str, port: int) -> bool:
    """True when somebody takes connections there."""
    try:
        socket.create_connection((host, port), TIMEOUT_S).close()
    except OSError:
        return False
    return True


def is_free(host: str, port: int) -> bool:
    """True when nobody listens there, not even with SO_REUSEPORT."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


# A container's health check: python -m config.serving.probes 8000 /healthz, or 8002.
if __name__ == "__main__":
    port, *path = sys.argv[1:]
    answered = answers_http("127.0.0.1", int(port), path[0]) if path else accepts("127.0.0.1", int(port))
    sys.exit(0 if answered else 1)
