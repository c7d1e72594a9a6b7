"""The product's source as syntax trees, for tests that ask it questions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("demo", "config", "releases", "registry", "scoring", "formats")


@cache
def modules() -> dict[str, ast.Module]:
    """Path relative to the root -> syntax tree, of everything but migrations."""
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(), str(path))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
    }


def imported(tree: ast.Module) -> Iterator[str]:
    """Full names of everything that a module imports, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def is_call(node: ast.AST, owner: str, name: str) -> bool:
    """True for a call of `owner.name(...)`, whatever stands before the owner."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == name
        and ast.unparse(node.func.value).split(".")[-1] == owner
    )
