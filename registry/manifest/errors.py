"""The one refusal of this package, with every problem that was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry.errors import DomainError

SHOWN = 20
"""A person mends the first ones and sends it again; a broken file could have thousands."""
LONGEST_FIELD = 200
"""A path in the manifest, which may hold keys of anybody's length."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong value: the dotted name of its field and a sentence about it."""

    field: str
    message: str


class BadManifest(DomainError):
    """The manifest cannot be read, or says something that cannot be.

    `facts["field"]` names the first wrong field (`metric.range`), and
    `facts["errors"]` holds every problem as `{"field", "message"}`.
    """

    code = "bad_manifest"

    def __init__(self, problems: Sequence[Problem]) -> None:
        errors = [{"field": _field(p), "message": p.message} for p in problems[:SHOWN]]
        first = problems[0]
        where = f"{_field(first)}: " if first.field else ""
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{where}{first.message}{more}", field=_field(first), errors=errors)


def refuse(message: str, field: str = "") -> BadManifest:
    """A refusal with a single problem, for what stops the reading at once."""
    return BadManifest([Problem(field, message)])


def _field(problem: Problem) -> str:
    return problem.field[:LONGEST_FIELD] or "manifest"
