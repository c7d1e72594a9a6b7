"""What the database itself refuses, as triggers in its own SQL.

They are installed again after every migration: Django rebuilds a SQLite table on an AlterField
and drops its triggers on the way. TRUNCATE is not refused here, because the test runner needs
it: production revokes it from the web role (docs/operations.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connections

FROZEN = (
    "registry_event",
    "registry_artifact",
    "registry_modelversion",
    "registry_versionfile",
    "registry_versionuploader",
    "registry_datasetversion",
    "registry_extractorversion",
    "registry_endtoendset",
    "registry_confidenceset",
)


@dataclass(frozen=True, slots=True)
class Guard:
    """One trigger. `condition` is SQL over NEW and OLD, alike on SQLite and PostgreSQL where possible."""

    name: str
    table: str
    when: str
    message: str
    condition: str = ""
    postgres_condition: str = ""

    def statements(self, vendor: str) -> list[str]:
        """SQL that installs the trigger, whether or not it is there."""
        return self._postgresql() if vendor == "postgresql" else self._sqlite()

    def _sqlite(self) -> list[str]:
        when = f" WHEN {self.condition}" if self.condition else ""
        return [
            f"DROP TRIGGER IF EXISTS {self.name}",
            f"CREATE TRIGGER {self.name} BEFORE {self.when} ON {self.table}{when} "
            f"BEGIN SELECT RAISE(ABORT, '{self.message}'); END",
        ]

    def _postgresql(self) -> list[str]:
        condition = self.postgres_condition or self.condition or "TRUE"
        last = "OLD" if self.when == "DELETE" else "NEW"
        return [
            f"CREATE OR REPLACE FUNCTION {self.name}() RETURNS trigger AS $$ BEGIN "
            f"IF {condition} THEN RAISE EXCEPTION '{self.message}' "
            f"USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN {last}; "
            "END $$ LANGUAGE plpgsql",
            f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}",
            f"CREATE TRIGGER {self.name} BEFORE {self.when} ON {self.table} "
            f"FOR EACH ROW EXECUTE FUNCTION {self.name}()",
        ]


def frozen(table: str) -> list[Guard]:
    """Rows of this table are written once: no update, no delete."""
    return [
        Guard(f"{table}_no_{when.lower()}", table, when, f"{table} is append-only")
        for when in ("UPDATE", "DELETE")
    ]


GUARDS = [guard for table in FROZEN for guard in frozen(table)]


def install_all(guards: Iterable[Guard], using: str) -> None:
    """Install the triggers whose tables exist; the others follow with their own app's migration."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for guard in guards:
            if guard.table in tables:
                for statement in guard.statements(connection.vendor):
                    cursor.execute(statement)


def install(using: str, **_: Any) -> None:
    """After `migrate`: the registry's guards."""
    install_all(GUARDS, using)
