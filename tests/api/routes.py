"""Every address of the product with what it takes, and the people and tokens that try each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import get_resolver
from django.urls.resolvers import URLPattern

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROLES = (
    "nobody",
    "stranger",
    "viewer",
    "contributor",
    "technical_reviewer",
    "release_manager",
    "approver",
    "auditor",
    "admin",
    "score token",
    "read token",
    "audit token",
    "ci token",
)
VALUES = {
    "model": "digits",
    "name": "digits",
    "number": 1,
    "key": "card",
    "person": "robot",
    "environment": "production",
    "identifier": "00000000",
    "secret": "none",
    "digest": "0" * 64,
    "form": "csv",
    "base": 1,
}


@dataclass(frozen=True)
class Route:
    """One address. `pattern` is where it hangs in the URL configuration, `name` what it is called."""

    pattern: str
    name: str
    values: tuple[str, ...] = field(default=())
    view: Any = field(default=None, compare=False)

    def address(self, **more: Any) -> str:
        path = self.pattern
        for value in self.values:
            converter = next(c for c in ("str", "int") if f"<{c}:{value}>" in path)
            path = path.replace(f"<{converter}:{value}>", str((VALUES | more)[value]))
        return f"/{path}"


def routes() -> list[Route]:
    """Every pattern of the project; Django's own admin counts as one."""
    found = [
        Route(pattern, name, values, view)
        for pattern, name, values, view in _walked(get_resolver().url_patterns, "")
        if not pattern.startswith("admin/")
    ]
    return [*found, Route("admin/", "admin")]


def _walked(patterns: Any, prefix: str) -> Iterator[tuple[str, str, tuple[str, ...], Any]]:
    for one in patterns:
        here = prefix + str(one.pattern)
        if isinstance(one, URLPattern):
            yield (
                here,
                one.name or here,
                tuple(one.pattern.converters),
                getattr(one.callback, "view_class", None),
            )
        else:
            yield from _walked(one.url_patterns, here)
