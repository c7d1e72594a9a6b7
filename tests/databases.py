"""Which database the suite runs on, and how a transactional test leaves it as it found it.

Django's flush deletes every row, which the triggers on the log refuse and which would also take the rows
that migrations made. So the migrated database is kept as a template, and restored from it.
"""

from __future__ import annotations

import copy
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from django.conf import settings
from django.db import connections, transaction
from django.test import TransactionTestCase
from psycopg2 import sql

from config import databases

World = TypeVar("World")
Build = Callable[[], object]


def use(url: str) -> None:
    """Make `url` the default database of this process, before anything has connected."""
    connections.close_all()
    settings.DATABASES["default"] = databases.parse(url)
    connections._settings = None
    connections.__dict__.pop("settings", None)
    if hasattr(connections._connections, "default"):
        del connections["default"]


_templates: list[Templates] = []
"""The one of a SQLite database, while tests run in it."""


@contextmanager
def restored_after_transactional_tests() -> Iterator[None]:
    """Inside, the end of a transactional test brings the migrated database back. Call it once migrated."""
    if connections["default"].vendor == "sqlite":
        templates = Templates()
        _templates.append(templates)
        restore, forget = templates.restore, templates.forget
    else:
        restore, forget = _postgresql()
    before = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda self: restore()
    try:
        yield
    finally:
        TransactionTestCase._fixture_teardown = before
        _templates.clear()
        forget()


def require(build: Build | None) -> None:
    """Before a test that finds in the database what `build` makes, or None of it: made once, then copied.

    Nothing on PostgreSQL, where a copy costs more than it saves.
    """
    for templates in _templates:
        templates.require(build)


def built(build: Callable[[], World]) -> World:
    """What `build` returns; where `require` has brought its rows, without making them again."""
    found = next((templates.find(build) for templates in _templates), None)
    return build() if found is None else found


class Templates:
    """A SQLite database as it was migrated, and as each world that was built in it once left it."""

    def __init__(self) -> None:
        self._connection = connections["default"]
        self._folder = Path(str(self._connection.settings_dict["NAME"])).with_suffix(".templates")
        self._folder.mkdir()
        self._built: dict[Build | None, object] = {None: None}
        self._present: Build | None = None
        self._keep(None)

    def require(self, build: Build | None) -> None:
        """Have in the database what `build` makes, or with None what migrations made. Outside of tests."""
        if build not in self._built:
            self.require(None)
            with transaction.atomic():
                self._built[build] = build()
                self._connection.run_on_commit.clear()  # nobody has waited for a template
            self._keep(build)
            self._present = build
        if build is not self._present:
            self.restore(build)

    def restore(self, build: Build | None = None) -> None:
        self._connection.close()
        self._connection.ensure_connection()
        source = sqlite3.connect(self._path(build))
        source.backup(self._connection.connection)
        source.close()
        self._present = build

    def find(self, build: Build) -> object:
        """What `build` returned when it made what is in the database, as its own copy; None if it did not."""
        return copy.deepcopy(self._built[build]) if build is self._present else None

    def forget(self) -> None:
        shutil.rmtree(self._folder)

    def _keep(self, build: Build | None) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(self._path(build))])

    def _path(self, build: Build | None) -> Path:
        return self._folder / str(list(self._built).index(build))


def _postgresql():
    connection = connections["default"]
    name = connection.settings_dict["NAME"]
    template = f"{name}_template"
    connections.close_all()
    server = psycopg2.connect(**{**connection.get_connection_params(), "dbname": "postgres"})
    server.autocommit = True
    _run(server, "DROP DATABASE IF EXISTS {}", template)
    _run(server, "CREATE DATABASE {} TEMPLATE {}", template, name)

    def restore() -> None:
        connection.close()
        _run(server, "DROP DATABASE {} WITH (FORCE)", name)
        _run(server, "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)

    def forget() -> None:
        _run(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", template)
        server.close()

    return restore, forget


def _run(server, statement: str, *names: str) -> None:
    with server.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def fresh_postgres(cluster: str) -> Iterator[str]:
    """The address of a new, empty database in the cluster; dropped afterwards."""
    name = f"assay_{uuid.uuid4().hex[:12]}"
    server = psycopg2.connect(cluster)
    server.autocommit = True
    _run(server, "CREATE DATABASE {}", name)
    try:
        yield urlunsplit(urlsplit(cluster)._replace(path=f"/{name}"))
    finally:
        _run(server, "DROP DATABASE {} WITH (FORCE)", name)
        server.close()
