"""Rows that tests begin with, made through the same doors as in the product wherever there is one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from registry import witness
from registry.guards import GUARDS as REGISTRY_GUARDS
from registry.guards import install_all
from registry.models import (
    Artifact,
    ConfidenceSet,
    DatasetVersion,
    EndToEndSet,
    Event,
    ExtractorVersion,
    Job,
    ModelVersion,
    Person,
    RegisteredModel,
    Role,
    VersionFile,
)
from registry.services import people
from registry.services.builders import stand_behind
from registry.services.models import create_model
from releases.guards import GUARDS as RELEASE_GUARDS
from releases.lifecycle import Action, State
from releases.models import Environment, GateRun, Release, Rollout, Switch
from releases.services import gating, opening, reviews
from releases.services.transitions import advance

_number = count(1)
PASSWORD = "correct horse battery"
SIGNATURE = {
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2], "features": [], "optional": False}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1], "features": [], "optional": False}],
}
SLOT_ROLES = {
    "technical": Role.TECHNICAL,
    "privacy": Role.PRIVACY,
    "security": Role.SECURITY,
    "approval": Role.APPROVER,
}


def person(name: str = "", *roles: str, **facts: Any) -> Person:
    """A person with roles on all models."""
    made = people.create_person(name or f"person{next(_number)}", password=PASSWORD, **facts)
    for role in roles:
        people.grant(made, role)
    return made


def model(name: str = "", owner: Person | None = None, **facts: Any) -> RegisteredModel:
    owner = owner or person("", Role.CONTRIBUTOR)
    return create_model(name or f"model{next(_number)}", by=owner, **facts)


def environment(name: str = "production") -> Environment:
    return Environment.objects.get_or_create(name=name)[0]


def artifact(content: bytes = b"") -> Artifact:
    content = content or f"artifact {next(_number)}".encode()
    digest = hashlib.sha256(content).hexdigest()
    return Artifact.objects.get_or_create(digest=digest, defaults={"size": len(content)})[0]


def version(of: RegisteredModel | None = None, uploader: Person | None = None, **facts: Any) -> ModelVersion:
    """A version with its whole triple, as an upload would have left it. `content` is the model's."""
    of = of or model()
    uploader = uploader or of.created_by
    number = of.versions.count() + 1
    content = {"model": facts.pop("content", b"")}
    made = ModelVersion.objects.create(
        model=of,
        number=number,
        digest=hashlib.sha256(f"{of.name} {number}".encode()).hexdigest(),
        manifest=facts.pop("manifest", {}),
        signature=facts.pop("signature", SIGNATURE),
        uploaded_by=uploader,
        **facts,
    )
    for key in ("model", "end_to_end", "confidence", "card"):
        VersionFile.objects.create(
            version=made, key=key, name=f"{key}.bin", artifact=artifact(content.get(key, b""))
        )
    ExtractorVersion.objects.create(model=of, number=number)
    for purpose in ("training", "validation"):
        DatasetVersion.objects.create(model=of, number=number, purpose=purpose, uri="s3://lake/data")
    EndToEndSet.objects.create(version=made, artifact=artifact(), rows=3, kind="samples")
    ConfidenceSet.objects.create(
        version=made, artifact=artifact(), rows=100, kind="samples", metric="accuracy", low=0.9, high=1.0
    )
    stand_behind(made, uploader)
    return made


def release(of: ModelVersion | None = None, state: State = State.IN_REVIEW, **facts: Any) -> Release:
    """A release in the wished state, taken there by the steps that lead to it."""
    of = of or version()
    place = environment(facts.pop("environment", "production"))
    made = opening.open_release(
        of,
        environment=place.name,
        strategy=facts.pop("strategy", {"kind": "single"}),
        by=of.uploaded_by,
        submit=state != State.DRAFT,
    )
    if state in {State.DRAFT, State.VALIDATING}:
        return made
    prove(made, **facts)
    if state == State.IN_REVIEW:
        return made
    approve(made)
    if state == State.APPROVED:
        return made
    advance(made, Action.START_ROLLOUT, actor="system/test")
    if state == State.LIVE:
        advance(made, Action.PROMOTE, actor="system/test")
    return made


def prove(of: Release, **evidence: Any) -> Release:
    """Every automatic gate has passed."""
    of.gate_runs.update(outcome=GateRun.Outcome.PASSED, summary="as it should be", evidence=evidence)
    gating.conclude(of)
    of.refresh_from_db()
    return of


def rollout(
    of: Release, previous: Release | None = None, reason: str = "opened to all", **switch: Any
) -> Rollout:
    """A rollout of the release with one switch: over, unless `switch` says in which phase it is."""
    ended = None if "phase" in switch else timezone.now()
    row = Rollout.objects.create(
        release=of,
        previous=previous,
        model=of.model,
        environment=of.environment,
        reason=reason,
        closed_at=ended,
    )
    told = {"phase": "done", "decided_by": "system/test", "reason": reason} | switch
    Switch.objects.create(rollout=row, ended_at=ended, **told)
    return row


def close(rollouts: QuerySet[Rollout]) -> None:
    """These rollouts are over."""
    Switch.objects.filter(rollout__in=rollouts).update(phase="done", ended_at=timezone.now())
    rollouts.update(closed_at=timezone.now())


def approve(of: Release) -> Release:
    """Every slot is signed by a person of its own."""
    for slot in of.policy["slots"]:
        signer = person("", SLOT_ROLES[slot])
        reviews.give_review(of, slot=slot, verdict="approve", grounds="looked at all of it", by=signer)
    of.refresh_from_db()
    return of


@contextmanager
def unguarded(*tables: str) -> Iterator[None]:
    """Without the guards of these tables, as for somebody who owns the database."""
    removed = [guard for guard in (*REGISTRY_GUARDS, *RELEASE_GUARDS) if guard.table in tables]
    connection.check_constraints()  # PostgreSQL changes no table on which a deferred check waits
    with connection.cursor() as cursor:
        for guard in removed:
            on = "" if connection.vendor == "sqlite" else f" ON {guard.table}"
            cursor.execute(f"DROP TRIGGER {guard.name}{on}")
    yield
    connection.check_constraints()
    install_all(removed, "default")


def witness_sees_head() -> None:
    """What is not committed, as in most tests, is not noted by itself: it is noted here, all of it."""
    settings.WITNESS_FILE.unlink(missing_ok=True)
    heads = Event.objects.order_by("seq").values_list("seq", "digest")
    if lines := "\n".join(f"{seq} {digest}" for seq, digest in heads):
        witness.append(settings.WITNESS_FILE, lines)


def job(kind: str = "prove", subject: str = "release/1", queue: str = "proving") -> Job:
    return Job.objects.create(kind=kind, subject=subject, queue=queue)
