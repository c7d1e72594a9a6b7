"""What this machine has room for."""

from __future__ import annotations

import os

CORES_PER_PROOF = 2
"""A server and who asks it: a core each, or they measure one another."""
BYTES_PER_PROOF = 4 << 30
"""The server cell's limit: with more proofs at once than this leaves room for, the machine would swap and
times be none."""


def room_for_proofs() -> int:
    """Proofs side by side: two even on two cores, so that a long one does not keep all others waiting."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(max(2, cores // CORES_PER_PROOF), memory // BYTES_PER_PROOF))
