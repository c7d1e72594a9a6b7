"""Pages of a long list by key, not by number: the thousandth costs as much as the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

BEFORE, AFTER = "b", "a"


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order of the list, and the cursors of its neighbours (empty: none)."""

    rows: list[Any]
    next: str = ""
    previous: str = ""


def keyset(rows: QuerySet[Any], key: str, cursor: str, size: int, *, descending: bool = False) -> Page:
    """The part of `rows` that the cursor points to, ordered by the unique column `key`.

    A cursor is `a<key>` (what comes after it) or `b<key>` (what comes before it) as the list is
    read; anything else is the first page.
    """
    way, edge = cursor[:1], cursor[1:]
    backwards = way == BEFORE
    falling = descending is not backwards
    found = rows.order_by(f"-{key}" if falling else key)
    if way in (BEFORE, AFTER) and edge:
        try:
            found = found.filter(**{f"{key}__{'lt' if falling else 'gt'}": edge})
        except (ValueError, ValidationError):
            way = ""
    else:
        way = ""
    # Only keys are sorted; what a row has besides, and what is joined to it, is read for this page alone.
    keys = list(found.values_list("pk", flat=True)[: size + 1])
    more = len(keys) > size
    known = {row.pk: row for row in _alone(rows).filter(pk__in=keys[:size])}
    items = [known[pk] for pk in keys[:size] if pk in known]
    if backwards and way:
        items.reverse()
    return _with_neighbours(items, lambda row: getattr(row, key), way, more)


def _alone(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The same without conditions: beside keys, SQLite would go by the index of a condition and read all."""
    found = rows.all()
    found.query.clear_where()
    return found


def _with_neighbours(items: list[Any], key_of: Callable[[Any], Any], way: str, more: bool) -> Page:
    if not items:
        return Page([])
    has_next = more if way != BEFORE else True
    has_previous = way == AFTER or (way == BEFORE and more)
    return Page(
        items,
        next=f"{AFTER}{key_of(items[-1])}" if has_next else "",
        previous=f"{BEFORE}{key_of(items[0])}" if has_previous else "",
    )
