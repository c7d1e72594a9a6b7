"""How often product code says `Any`, by package. The bound is only ever lowered."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator

import pytest

from tests.architecture.source import PACKAGES, ROOT, modules

MOST = 8.0
"""For each 1,000 lines: what is left is where a library's own types say it, and documents read once."""


def mentions(package: str) -> float:
    """Lines that name `Any`, imports too, for each 1,000 lines of the package."""
    named = lines = 0
    for path in modules():
        if path.startswith(f"{package}/") and not path.endswith("_pb2.py"):
            text = (ROOT / path).read_text()
            lines += text.count("\n")
            named += len({token.start[0] for token in names(text) if token.string == "Any"})
    return 1000 * named / lines


def names(text: str) -> Iterator[tokenize.TokenInfo]:
    read = tokenize.generate_tokens(io.StringIO(text).readline)
    return (token for token in read if token.type == tokenize.NAME)


@pytest.mark.parametrize("package", PACKAGES)
def test_any_is_said_seldom(package):
    found = mentions(package)
    assert found <= MOST, "name what it is: a model, a frozen value, a protocol; else `object`"
