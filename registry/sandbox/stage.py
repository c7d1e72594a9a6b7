"""The last step before the untrusted program: limits that bind it and all its children.

Runs as a script, isolated from the environment: `stage.py LIMITS_AS_JSON PROGRAM ARGUMENT...`. It runs inside
the sandbox, because a limit on the number of processes set outside would count the whole user's.
"""

from __future__ import annotations

import json
import os
import resource
import sys

CODE_AND_STACKS_BYTES = 1 << 30


def confine(limits: dict[str, int]) -> None:
    """Set hard and soft limits; none of them can be raised again by an ordinary user."""
    bounds = {
        resource.RLIMIT_AS: (limits["memory_bytes"] + CODE_AND_STACKS_BYTES,) * 2,
        # the soft limit is a signal with a name, the hard one a kill without
        resource.RLIMIT_CPU: (limits["cpu_seconds"], limits["cpu_seconds"] + 1),
        resource.RLIMIT_NOFILE: (limits["open_files"],) * 2,
        resource.RLIMIT_FSIZE: (limits["file_bytes"],) * 2,
        resource.RLIMIT_CORE: (0, 0),
    }
    if limits["processes"]:
        bounds[resource.RLIMIT_NPROC] = (limits["processes"],) * 2
    for name, bound in bounds.items():
        resource.setrlimit(name, bound)


if __name__ == "__main__":
    confine(json.loads(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the program is ours, its input is not
