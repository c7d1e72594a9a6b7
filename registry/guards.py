"""What the database itself refuses, as triggers in its own SQL.

They are installed again after every migration: Django rebuilds a SQLite table on an AlterField
and drops its triggers on the way. It cannot even do so while a trigger of another table asks the rebuilt one,
so before migrations of SQLite all are lifted. TRUNCATE is not refused here, because the test runner needs
it: production revokes it from the web role (docs/operations.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connections

FROZEN = (
    "registry_event",
    "registry_artifact",
    "registry_modelversion",
    "registry_versionfile",
    "registry_versionuploader",
    "registry_builderkey",
    "registry_personkey",
    "registry_datasetversion",
    "registry_extractorversion",
    "registry_endtoendset",
    "registry_confidenceset",
)


@dataclass(frozen=True, slots=True)
class Guard:
    """One trigger. `condition` is SQL over NEW and OLD, alike on SQLite and PostgreSQL where possible.

    `reads` names a table that is younger than the guarded one, and without which there is no guard: because
    the condition asks it, or because it came with a column that the condition asks.
    """

    name: str
    table: str
    when: str
    message: str
    condition: str = ""
    postgres_condition: str = ""
    reads: str = ""

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


PROPOSALS = "registry_policyproposal"
MACHINE = "EXISTS (SELECT 1 FROM registry_person p WHERE p.id = NEW.{person} AND p.is_machine)"
_NO_MACHINE = "a machine changes no policy"
_UNCONFIRMED = """CAST(NEW.policy AS TEXT) <> CAST(OLD.policy AS TEXT) AND NOT EXISTS (
    SELECT 1 FROM registry_policyproposal p WHERE p.id = (
        SELECT max(q.id) FROM registry_policyproposal q
        WHERE q.model_id = NEW.id AND q.decision = 'confirmed')
    AND CAST(p.old_policy AS TEXT) = CAST(OLD.policy AS TEXT)
    AND CAST(p.new_policy AS TEXT) = CAST(NEW.policy AS TEXT))"""
_STALE = """NEW.decision = 'confirmed' AND NOT EXISTS (SELECT 1 FROM registry_registeredmodel m
    WHERE m.id = NEW.model_id AND CAST(m.policy AS TEXT) = CAST(OLD.old_policy AS TEXT))"""
_REWRITTEN = """OLD.decision <> '' OR NEW.model_id <> OLD.model_id
    OR NEW.proposed_by_id <> OLD.proposed_by_id OR NEW.proposed_at <> OLD.proposed_at
    OR NEW.grounds_id <> OLD.grounds_id
    OR CAST(NEW.old_policy AS TEXT) <> CAST(OLD.old_policy AS TEXT)
    OR CAST(NEW.new_policy AS TEXT) <> CAST(OLD.new_policy AS TEXT)"""

POLICY_GUARDS = [
    Guard(
        "a_policy_changes_by_two_people",
        "registry_registeredmodel",
        "UPDATE",
        "a policy changes by a confirmed proposal",
        _UNCONFIRMED,
        reads=PROPOSALS,
    ),
    Guard(
        "no_machine_proposes_a_policy",
        PROPOSALS,
        "INSERT",
        _NO_MACHINE,
        MACHINE.format(person="proposed_by_id"),
    ),
    Guard(
        "no_machine_decides_on_a_policy",
        PROPOSALS,
        "UPDATE",
        _NO_MACHINE,
        MACHINE.format(person="decided_by_id"),
    ),
    Guard(
        "a_policy_proposal_begins_open",
        PROPOSALS,
        "INSERT",
        "a proposal begins open",
        "NEW.decision <> ''",
    ),
    Guard("a_policy_proposal_stays", PROPOSALS, "UPDATE", "a proposal is decided once", _REWRITTEN),
    Guard(
        "a_policy_is_confirmed_as_it_stands",
        PROPOSALS,
        "UPDATE",
        "the policy has changed since it was proposed",
        _STALE,
    ),
    Guard(
        "no_policy_proposal_is_deleted",
        PROPOSALS,
        "DELETE",
        "a proposal is never deleted",
    ),
]
_NOT_ERASED = """NEW.digest <> OLD.digest OR NEW.author_id <> OLD.author_id
    OR NEW.written_at <> OLD.written_at OR OLD.erased_at IS NOT NULL
    OR NEW.erased_at IS NULL OR NEW.text <> '' OR NEW.salt <> ''"""
GROUNDS_GUARDS = [
    Guard(
        "words_are_kept_or_erased",
        "registry_grounds",
        "UPDATE",
        "what a person wrote is kept or erased, never edited",
        _NOT_ERASED,
    ),
    Guard("no_grounds_are_deleted", "registry_grounds", "DELETE", "grounds are never deleted"),
]
_LAST_OF_ROLE = """coalesce((SELECT e.kind FROM registry_event e WHERE e.seq = (SELECT max(g.seq)
    FROM registry_event g JOIN registry_person p ON g.subject = 'person/' || p.username
    WHERE p.id = {row}.person_id AND g.kind IN ('role.granted', 'role.revoked') AND {role} = {row}.role
    AND g.model = coalesce((SELECT m.name FROM registry_registeredmodel m WHERE m.id = {row}.model_id), ''))),
    '') <> '{kind}'"""
_SQLITE_ROLE, _POSTGRES_ROLE = "json_extract(g.facts, '$.role')", "(g.facts ->> 'role')"


def _unsaid(row: str, kind: str) -> tuple[str, str]:
    """The log's last word on this role of this person is another one; in both vendors' SQL."""
    return tuple(_LAST_OF_ROLE.format(row=row, kind=kind, role=r) for r in (_SQLITE_ROLE, _POSTGRES_ROLE))  # type: ignore[return-value]


MEMBERSHIP_GUARDS = [
    Guard("no_role_is_rewritten", "registry_membership", "UPDATE", "a role is granted or revoked"),
    Guard(
        "a_role_is_given_by_an_event",
        "registry_membership",
        "INSERT",
        "a role is given by an event",
        *_unsaid("NEW", "role.granted"),
        reads="registry_event",
    ),
    Guard(
        "a_role_is_taken_by_an_event",
        "registry_membership",
        "DELETE",
        "a role is taken by an event",
        *_unsaid("OLD", "role.revoked"),
        reads="registry_event",
    ),
]
_NOT_BY_TWO = """NEW.kind = 'witness.begun' AND NOT EXISTS (SELECT 1 FROM registry_event a
    WHERE a.seq = {asked} AND a.kind = 'witness.asked' AND a.actor <> NEW.actor
    AND substr(a.actor, 1, 7) = 'person/' AND substr(NEW.actor, 1, 7) = 'person/')"""
WITNESS_GUARDS = [
    Guard(
        "a_witness_is_begun_by_two_people",
        "registry_event",
        "INSERT",
        "a witness is begun anew by two people",
        _NOT_BY_TWO.format(asked="json_extract(NEW.facts, '$.asked')"),
        _NOT_BY_TWO.format(asked="(NEW.facts ->> 'asked')::bigint"),
    ),
]
GUARDS = [
    *(guard for table in FROZEN for guard in frozen(table)),
    *POLICY_GUARDS,
    *GROUNDS_GUARDS,
    *MEMBERSHIP_GUARDS,
    *WITNESS_GUARDS,
]


def install_all(guards: Iterable[Guard], using: str) -> None:
    """Install the triggers whose tables exist; the others follow with their own app's migration."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for guard in guards:
            if tables.issuperset({guard.table, guard.reads or guard.table}):
                for statement in guard.statements(connection.vendor):
                    cursor.execute(statement)


def install(using: str, **_: object) -> None:
    """After `migrate`: the registry's guards."""
    install_all(GUARDS, using)


def installed(using: str) -> set[str]:
    """The names of all triggers that the database has."""
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute(_INSTALLED[connection.vendor])
        return {name for (name,) in cursor.fetchall()}


def missing(guards: Iterable[Guard], using: str) -> list[str]:
    """The names of guards that the database does not have: somebody has taken them off."""
    there = installed(using)
    return [guard.name for guard in guards if guard.name not in there]


_INSTALLED = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
}


def lift(using: str, plan: Sequence[object] = (), **_: object) -> None:
    """Before `migrate`, where it has anything to do: SQLite gives every table without its guards."""
    connection = connections[using]
    if connection.vendor != "sqlite" or not plan:
        return
    with connection.cursor() as cursor:
        for name in installed(using):
            cursor.execute(f"DROP TRIGGER {connection.ops.quote_name(name)}")
