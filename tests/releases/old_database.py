"""`python -m tests.releases.old_database`: a database as the first migrations left it, with rows and guards,
is migrated to today's. Prints what its guards are then, and what they let through, as JSON.

A process of its own, because migrations that move rows take the default database.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, connection, transaction  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402
from django.utils import timezone  # noqa: E402

from registry import guards as registry_guards  # noqa: E402
from registry.guards import installed  # noqa: E402
from releases import guards as release_guards  # noqa: E402
from tests.releases.attacks import delete, edit, remove  # noqa: E402

FIRST = [("registry", "0001_initial"), ("releases", "0001_initial")]
GUARDS = [*registry_guards.GUARDS, *release_guards.GUARDS]
NOW = timezone.now()


def main() -> None:
    for app, name in FIRST:
        call_command("migrate", app, name, verbosity=0)
    before = installed("default")
    fill(MigrationExecutor(connection).loader.project_state(FIRST).apps)
    call_command("migrate", verbosity=0)
    migrated = installed("default")
    passed = let_through()
    for guard in GUARDS:
        remove(guard)
    call_command("migrate", verbosity=0)
    said = {"before": before, "migrated": migrated, "passed": passed, "again": installed("default")}
    json.dump({name: sorted(value) for name, value in said.items()}, sys.stdout)


def fill(apps: Any) -> None:
    """A row in each table that is written once."""

    def make(label: str, **facts: Any) -> Any:
        return apps.get_model(label).objects.create(**facts)

    names = ("ana", "bo", "cy")
    ana, bo, cy = (make("registry.Person", username=name, email=f"{name}@example.org") for name in names)
    event = happened(make, 1, "model.created", "model/m")
    happened(make, 2, "role.granted", "person/ana", role="viewer")
    make("registry.Membership", person=ana, role="viewer")
    model = make("registry.RegisteredModel", name="m", created_by=ana)
    artifact = make("registry.Artifact", digest="a" * 64, size=1)
    version = make(
        "registry.ModelVersion", model=model, number=1, digest="b" * 64, manifest={"training": {}},
        signature={"inputs": [], "outputs": []}, uploaded_by=ana, built_by="bo@example.org",
    )  # fmt: skip
    make("registry.VersionFile", version=version, key="model", name="m.onnx", artifact=artifact)
    make("registry.VersionUploader", version=version, person=ana)
    make("registry.DatasetVersion", model=model, number=1, purpose="training")
    make("registry.ExtractorVersion", model=model, number=1)
    sets = {"version": version, "artifact": artifact, "rows": 1, "kind": "samples"}
    make("registry.EndToEndSet", **sets)
    make("registry.ConfidenceSet", **sets, metric="accuracy", low=0.9, high=1.0)
    words = make("registry.Grounds", digest="c" * 64, salt="s", text="words", author=bo)
    place = make("releases.Environment", name="production")
    release = make("releases.Release", version=version, model=model, environment=place, opened_by=ana)
    make("releases.GateRun", release=release, gate="integrity", position=0, outcome="passed")
    make(
        "releases.Review", release=release, slot="technical", verdict="approve", person=cy,
        grounds=words, version_digest="b" * 64, evidence_digest="",
    )  # fmt: skip
    make("releases.Route", model=model, environment=place, revision=1, entry={}, event=event)


def happened(make: Any, seq: int, kind: str, subject: str, **facts: Any) -> Any:
    said = {"seq": seq, "kind": kind, "subject": subject, "facts": facts, "payload": "{}"}
    return make("registry.Event", **said, actor="person/ana", at=NOW, previous="0" * 64, digest=f"{seq:064}")


def let_through() -> set[str]:
    """Guards without a condition that let their deed through, if only because their table has no row."""
    passed = set()
    for guard in GUARDS:
        if guard.condition or guard.when == "INSERT":
            continue
        try:
            with transaction.atomic():
                (edit if guard.when == "UPDATE" else delete)(guard.table)
                transaction.set_rollback(True)
        except DatabaseError as refusal:
            if guard.message in str(refusal):
                continue
        passed.add(guard.name)
    return passed


if __name__ == "__main__":
    main()
