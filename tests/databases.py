"""Which database the suite runs on, and how a transactional test leaves it as it found it.

Django's flush deletes every row, which the triggers on the log refuse and which would also take the rows
that migrations made. So the migrated database is kept as a template, and restored from it.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from django.conf import settings
from django.db import connections
from django.test import TransactionTestCase
from psycopg2 import sql

from config import databases


def use(url: str) -> None:
    """Make `url` the default database of this process, before anything has connected."""
    connections.close_all()
    settings.DATABASES["default"] = databases.parse(url)
    connections._settings = None
    connections.__dict__.pop("settings", None)
    if hasattr(connections._connections, "default"):
        del connections["default"]


@contextmanager
def restored_after_transactional_tests() -> Iterator[None]:
    """Inside, the end of a transactional test brings the migrated database back. Call it once migrated."""
    restore, forget = _sqlite() if connections["default"].vendor == "sqlite" else _postgresql()
    before = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda self: restore()
    try:
        yield
    finally:
        TransactionTestCase._fixture_teardown = before
        forget()


def _sqlite():
    connection = connections["default"]
    template = Path(str(connection.settings_dict["NAME"])).with_suffix(".template")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(template)])
    connection.close()

    def restore() -> None:
        connection.close()
        connection.ensure_connection()
        source = sqlite3.connect(template)
        source.backup(connection.connection)
        source.close()

    return restore, template.unlink


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
