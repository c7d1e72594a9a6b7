"""Each trigger of the database is there, refuses what it is for, and is what refuses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from registry import guards as registry_guards
from registry.guards import installed
from releases import guards as release_guards
from tests import databases
from tests.releases.attacks import PREPARED, Deed, remove

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]
GUARDS = {guard.name: guard for guard in [*registry_guards.GUARDS, *release_guards.GUARDS]}
WITHOUT_ROWS = {"no_policy_proposal_is_deleted"}
"""Guards of tables that a database of the first migrations had nothing for."""


class _Done(Exception):
    """The deed was not refused; it is undone."""


def test_the_triggers_of_the_database_are_the_declared_ones():
    assert installed("default") == set(GUARDS)


def test_each_guard_is_tried():
    assert set(PREPARED) == set(GUARDS)


@pytest.mark.parametrize("name", PREPARED)
def test_a_guard_refuses_what_it_is_for_and_nothing_else_does_in_its_words(name):
    guard, deed = GUARDS[name], PREPARED[name]()
    connection.check_constraints()  # PostgreSQL changes no table on which a deferred check waits
    with pytest.raises(DatabaseError, match=guard.message), transaction.atomic():
        deed()
    remove(guard)
    with pytest.raises((_Done, DatabaseError)) as end:
        _undone(deed)
    assert guard.message not in str(end.value), "something else refuses it too"


def _undone(deed: Deed) -> None:
    with transaction.atomic():
        deed()
        raise _Done


def test_an_old_database_with_rows_has_all_guards_after_its_migrations(tmp_path, request):
    """SQLite makes a table anew to change it, and drops its triggers without a word."""
    given = {"ASSAY_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    with old_address(tmp_path, request) as address:
        process = subprocess.run(
            [sys.executable, "-m", "tests.releases.old_database"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": address, **given},
            capture_output=True,
            text=True,
            check=False,
        )
    assert process.returncode == 0, process.stderr
    said = json.loads(process.stdout)
    assert "registry_event_no_update" in said["before"], "it had guards while its rows were written"
    assert set(said["migrated"]) == set(GUARDS)
    assert set(said["passed"]) == WITHOUT_ROWS
    assert set(said["again"]) == set(GUARDS), "and they come back where they were lost"


@contextmanager
def old_address(folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database of the kind that the suite runs on."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{folder}/old.sqlite3"
        return
    with databases.fresh_postgres(request.getfixturevalue("postgres_url")) as address:
        yield address
