"""Many rows quickly: a few are written, and the database copies them by itself.

Copies lie among each other, as the uploads of many teams do: what belongs to one model is spread over
each table, so that nothing is found side by side that would not be so in real life.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models

from registry import guards as registry_guards
from releases import guards as release_guards


class Ids:
    """Primary keys of the first model, so far apart that those of its copies lie between them."""

    def __init__(self, apart: int, first: int = 1) -> None:
        self._counter = count(first, apart)

    def __call__(self) -> int:
        return next(self._counter)


Copied = Mapping[type[models.Model], Mapping[str, str]]
"""The tables whose rows are copied, each after those that it points to, with what a copy has of its own:
by column, in SQL over the first row `t` and the copied model `k`, its number `n` and its `name`."""


def multiply(root: type[models.Model], copied: Copied, only: Mapping[type[models.Model], str]) -> None:
    """The rows of the first row of `root` once more for each of the others; `only` says which have copies."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        others = f"SELECT id - 1 AS n, name FROM {quote(_table(root))} WHERE id > 1"
        cursor.execute(f"CREATE TEMPORARY TABLE copies AS {others}")
        for row_type, own in copied.items():
            moving = (root, *copied)
            columns = {str(field.column): _moved(field, moving) for field in _fields(row_type)} | {**own}
            _copy(cursor, quote(_table(row_type)), columns, only.get(row_type, "1 = 1"))
        cursor.execute("DROP TABLE copies")
        for statement in connection.ops.sequence_reset_sql(no_style(), [root, *copied]):
            cursor.execute(statement)


def _copy(cursor: Any, table: str, columns: Mapping[str, str], where: str) -> None:
    names, chosen = ", ".join(map(connection.ops.quote_name, columns)), ", ".join(columns.values())
    cursor.execute(f"CREATE TEMPORARY TABLE first_rows AS SELECT * FROM {table} WHERE {where}")
    cursor.execute(f"INSERT INTO {table} ({names}) SELECT {chosen} FROM first_rows t CROSS JOIN copies k", [])
    cursor.execute("DROP TABLE first_rows")


def _table(row_type: type[models.Model]) -> str:
    return row_type._meta.db_table  # noqa: SLF001 - documented, in spite of its name


def _fields(row_type: type[models.Model]) -> Sequence[models.Field[Any, Any]]:
    return row_type._meta.concrete_fields  # noqa: SLF001 - as above


def _moved(field: models.Field[Any, Any], moving: Collection[type[models.Model]]) -> str:
    """Keys of what is copied move on by the copy's number."""
    column = f"t.{connection.ops.quote_name(str(field.column))}"
    target = field.related_model if field.is_relation else field.model
    return f"{column} + k.n" if (field.primary_key or field.is_relation) and target in moving else column


@contextmanager
def unguarded() -> Iterator[None]:
    """Without the triggers that want each release to go through every state."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {connection.ops.quote_name(name)}")
    yield
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = DEFAULT")
    registry_guards.install("default")
    release_guards.install("default")


@contextmanager
def unindexed(copied: Copied) -> Iterator[None]:
    """An index that is made of all rows at once takes a fraction of the time."""
    ask = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = %s"
        " AND sql IS NOT NULL",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)",
    }[connection.vendor]
    with connection.cursor() as cursor:
        found = []
        for table in map(_table, copied):
            cursor.execute(ask, [table])
            found += cursor.fetchall()
        for name, _ in found:
            cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")
        yield
        for _, statement in found:
            cursor.execute(statement)


@contextmanager
def in_haste() -> Iterator[None]:
    """What is lost when the machine falls is made again; so SQLite need not be careful."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        for pragma in ("foreign_keys=OFF", "journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000"):
            cursor.execute(f"PRAGMA {pragma}")
        yield
        cursor.execute("PRAGMA journal_mode=WAL")
    connection.close()
