"""Pages of a long list by key, not by number: the thousandth costs as much as the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

BEFORE, AFTER = "b", "a"
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is read: by one column. Where it is not `unique`, equal rows are read by their key."""

    column: str
    descending: bool = False
    unique: bool = True


NEWEST_FIRST = Order("pk", descending=True)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows in the order of the list, and the cursors of its neighbours (empty: none).

    `misled`: the cursor that was given points nowhere, so that these are the first rows.
    """

    rows: list[Row]
    next: str = ""
    previous: str = ""
    misled: bool = False


def keyset(rows: QuerySet[Row], order: Order, cursor: str, size: int) -> Page[Row]:
    """The part of `rows` that the cursor points to.

    A cursor is `a<edge>` (what comes after it) or `b<edge>` (what comes before it) as the list is read;
    anything else is the first page. The edge is the row's value of a unique column, else its key and the
    value: nothing is looked up that whoever writes a cursor might not see.
    """
    way, edge = cursor[:1], cursor[1:]
    backwards = way == BEFORE
    falling = order.descending is not backwards
    beyond = _beyond(rows, order, edge, falling) if way in (BEFORE, AFTER) and edge else None
    way, backwards = (way, backwards) if beyond else ("", False)
    falling = order.descending is not backwards
    columns = [order.column] if order.unique else [order.column, "pk"]
    found = rows.filter(beyond or Q()).order_by(*(f"-{name}" if falling else name for name in columns))
    # Only keys are sorted; what a row has besides, and what is joined to it, is read for this page alone.
    keys = list(found.values_list("pk", flat=True)[: size + 1])
    more = len(keys) > size
    known = {row.pk: row for row in _alone(rows).filter(pk__in=keys[:size])}
    items = [known[pk] for pk in keys[:size] if pk in known]
    if backwards:
        items.reverse()
    return _with_neighbours(items, order, way, more, misled=bool(cursor) and not way)


def _beyond(rows: QuerySet[Model], order: Order, edge: str, falling: bool) -> Q | None:
    """What lies beyond the edge, or nothing where no row can have such a one."""
    past = "lt" if falling else "gt"
    key, _, value = ("", "", edge) if order.unique else edge.partition(".")
    try:
        rows.filter(**{order.column: value})  # raises where this column can never hold such a value
        further = Q(**{f"{order.column}__{past}": value})
        if order.unique:
            return further
        rows.filter(pk=key)
    except (ValueError, ValidationError, OverflowError):
        return None
    # The first half alone is a range of an index; the whole as an OR would be read from the list's start.
    return Q(**{f"{order.column}__{past}e": value}) & (further | Q(**{f"pk__{past}": key}))


def _alone(rows: QuerySet[Row]) -> QuerySet[Row]:
    """The same without conditions: beside keys, SQLite would go by the index of a condition and read all."""
    found = rows.all()
    found.query.clear_where()
    return found


def _with_neighbours(items: list[Row], order: Order, way: str, more: bool, *, misled: bool) -> Page[Row]:
    if not items:
        return Page([], misled=misled)
    has_next = more if way != BEFORE else True
    has_previous = way == AFTER or (way == BEFORE and more)
    return Page(
        items,
        next=AFTER + _edge(items[-1], order) if has_next else "",
        previous=BEFORE + _edge(items[0], order) if has_previous else "",
        misled=misled,
    )


def _edge(row: Model, order: Order) -> str:
    value = getattr(row, order.column)
    return str(value) if order.unique else f"{row.pk}.{value}"
