"""What a set is refused for."""

from __future__ import annotations

import errno

OUR_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE})
"""Errors of the system that say nothing about a set or a model."""

BAD_SET, TOO_LARGE = "bad_set", "too_large"
FILE, ROWS = "", "rows"


class BadSet(ValueError):
    """A file that is no set for this version, said in one sentence.

    code   bad_set, or too_large
    place  FILE for the set itself, ROWS where the manifest's word about its rows is what to change
    """

    def __init__(self, message: str, *, place: str = FILE, code: str = BAD_SET) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.code = code
