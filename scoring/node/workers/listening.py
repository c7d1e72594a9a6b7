"""Listening sockets, held by the node so that no accepted connection dies with a worker."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from scoring.limits import BACKLOG
from scoring.node.settings import Settings


class AddressTaken(OSError):
    """Somebody else listens there."""


def sockets(settings: Settings) -> list[socket.socket]:
    """One listening socket for each worker. Raises AddressTaken."""
    if settings.socket is not None:
        return unix(settings.socket, settings.workers)
    return tcp(settings.host, settings.port or 0, settings.workers)


def tcp(host: str, port: int, slots: int) -> list[socket.socket]:
    """One SO_REUSEPORT socket per worker slot, all on one address. Port 0 picks a free one.

    Raises AddressTaken with a sentence: with SO_REUSEPORT alone a second server would start
    without an error and take half of the traffic.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise AddressTaken(f"port {port} on {host} is taken: choose another with --port") from None
            raise
        chosen = probe.getsockname()[1]
    return [_reuseport(family, host, chosen) for _ in range(slots)]


def unix(path: Path, slots: int) -> list[socket.socket]:
    """One socket at a path, shared by all slots. A socket that nobody answers on is replaced."""
    if path.exists():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink()
            else:
                raise AddressTaken(f"somebody answers on {path}: choose another with --socket")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return [listener.dup() for _ in range(slots)]


def address_of(listener: socket.socket) -> str:
    """How clients on this machine reach the socket."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(listener.getsockname())}"
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _reuseport(family: int, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener
