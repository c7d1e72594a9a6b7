"""Words for a child that nobody else can read on its command line."""

from __future__ import annotations

import os


def handed(content: bytes) -> int:
    """A handle from which a child reads `content`; the caller closes it."""
    handle = os.memfd_create("handed")
    os.write(handle, content)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle
