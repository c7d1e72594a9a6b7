"""The locale by which onnxruntime changes the case of texts where a graph names none.

What scikit-learn's text vectorisers become in ONNX names none: a machine without it loads no such model.
"""

from __future__ import annotations

import ctypes
from functools import cache

LOCALE = "en_US.UTF-8"
HOW = f"As root: apt-get install locales && localedef -i en_US -f UTF-8 {LOCALE}."
MISSING = f"This machine has no locale {LOCALE}, by which models change the case of texts. {HOW}"
_LC_CTYPE_MASK = 1
"""glibc's bit of the one category that is set: that of letters."""


def has(name: str = LOCALE) -> bool:
    """Whether this process could use a locale now; nothing of the process is changed by the question."""
    libc = _libc()
    found = libc.newlocale(_LC_CTYPE_MASK, name.encode(), None)
    if not found:
        return False
    libc.freelocale(found)
    return True


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None)
    libc.newlocale.restype = ctypes.c_void_p
    libc.newlocale.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p]
    libc.freelocale.argtypes = [ctypes.c_void_p]
    return libc
