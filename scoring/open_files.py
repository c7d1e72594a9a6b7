"""How many files and connections a process may have open: what its bounds need, if the system agrees."""

from __future__ import annotations

import resource

_BESIDE = 1024
"""Models, libraries, pipes and logs, beside connections."""


def allow(connections: int) -> None:
    """Raise this process's own limit for so many connections beside all else. Children inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _BESIDE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
