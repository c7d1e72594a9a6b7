"""Every bound of the scoring server in one value, all settable by argument."""

from __future__ import annotations

from dataclasses import dataclass

BACKLOG = 4096
"""Connections that the kernel holds until they are accepted: a burst beyond this meets resets. It is the
socket's own, so whoever listens on it last says how many."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    json_bytes: int = 4 << 20
    binary_bytes: int = 64 << 20
    output_bytes: int = 64 << 20
    held_bytes: int = 512 << 20
    head_bytes: int = 32 << 10
    rows_per_run: int = 8192
    queue: int = 1024
    mirrored: int = 256
    pipelined: int = 64
    connections: int = 4096
    connections_per_address: int = 2048
    trusted: str = ""
    """Addresses and networks of proxies, by comma: each stands for many, and only all connections count."""
    first_byte_seconds: float = 10.0
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    idle_seconds: float = 75.0
    hangs_seconds: int = 8
    deadline_seconds: float = 10.0
    drain_seconds: float = 2.5
    slow_seconds: float = 0.0003
    patience_seconds: float = 0.05
    reward_window_seconds: float = 7 * 86400.0
    feedback_items: int = 1000
    spool_bytes: int = 1 << 30
