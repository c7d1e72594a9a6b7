"""A registry as large as has to be planned for, made in the database: `seed(Scale(...))`.

The first model is written row by row; the others are copies of it (see `bulk`).

The rows are those that pages read. The log is no chain: nobody may verify it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from typing import Any

from django.core.management import call_command
from django.db import models

from benchmarks import bulk, documents
from benchmarks.documents import hexed
from config.local import processes
from registry import model_policy, wakeups
from registry.models import (
    Alias,
    Event,
    Grounds,
    LogHead,
    Membership,
    ModelVersion,
    Person,
    RegisteredModel,
    Role,
    Tag,
    Term,
    VersionUploader,
)
from registry.services import people
from registry.services.terms import terms
from registry.services.tokens import create_token
from releases.guards import GATES
from releases.lifecycle import State
from releases.models import AskedSlot, GateRun, Release, Review, Reward, Rollout, Route, Traffic
from releases.services.environments import ensure_environment

PASSWORD = "a benchmark's own password"  # noqa: S105 - opens nothing but the benchmark
TOPICS = ("fraud", "churn", "digits", "demand", "ranking", "credit", "vision", "speech", "routing", "intent")
TEAMS = 20
MACHINE = "token/0a1b2c3d"
SIGNERS = {"technical": "boris", "privacy": "chloe", "security": "dev", "approval": "edda"}
# The newest releases of a model, the newest first; those before them repeat the second line.
NEWEST = ("validating", "validating", *("in_review",) * 4, "approved", "approved", "live")
BEFORE = (*("superseded",) * 6, "rejected", "rejected", "rolled_back", "withdrawn")
OVER = ("superseded", "rolled_back")
SERVED = ("live", *OVER)
UNSIGNED = (State.VALIDATING, State.REJECTED, State.WITHDRAWN)
OTHER_DIGEST = "CAST(10000000 + k.n AS TEXT) || SUBSTR(t.digest, 9)"
COPIED: bulk.Copied = {
    ModelVersion: {"digest": OTHER_DIGEST},
    VersionUploader: {},
    Tag: {},
    Term: {},
    Alias: {},
    Release: {},
    AskedSlot: {},
    GateRun: {},
    Review: {},
    Event: {
        "digest": OTHER_DIGEST,
        "model": "k.name",
        "subject": "CASE WHEN t.subject LIKE 'release/%%'"
        " THEN 'release/' || CAST(CAST(SUBSTR(t.subject, 9) AS INTEGER) + k.n AS TEXT)"
        " ELSE REPLACE(t.subject, t.model, k.name) END",
    },
    Rollout: {},
    Route: {},
    Reward: {"request": "t.request || CAST(k.n AS TEXT)"},
    Traffic: {},
}
# What happened to people is in the log already, and has no model.
COPIED_ONLY: dict[type[models.Model], str] = {Event: "model <> ''"}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much. Every second version has a release; `rewards` and `minutes` of traffic are a model's."""

    models: int = 1000
    versions: int = 1000
    rewards: int = 200
    minutes: int = 60


def seed(scale: Scale) -> None:
    """Fill an empty registry. People: vera sees all, chloe signs and releases all, nora has few models."""
    if RegisteredModel.objects.exists():
        raise RuntimeError("this database is in use: the benchmark makes one of its own")
    cast = _cast()
    with bulk.unguarded(), bulk.unindexed(COPIED):
        _models(scale, cast)
        # The people were there before what they did: numbers and times of a log rise together.
        Event.objects.update(at=datetime.now(UTC) - timedelta(days=365))
        for row_type, rows in _first_model(scale, cast):
            row_type.objects.bulk_create(rows, batch_size=500)  # type: ignore[attr-defined]
        bulk.multiply(RegisteredModel, COPIED, COPIED_ONLY)
    _odd_ones(scale)
    last = Event.objects.order_by("-seq")[0]
    LogHead.objects.filter(pk=1).update(seq=last.seq, digest=last.digest)


def _cast() -> dict[str, Person]:
    roles: dict[str, tuple[str, ...]] = {
        "vera": (Role.VIEWER,),
        "dara": (Role.AUDITOR,),
        "boris": (Role.TECHNICAL,),
        "chloe": (Role.RELEASE_MANAGER, Role.PRIVACY),
        "dev": (Role.SECURITY,),
        "edda": (Role.APPROVER,),
        "nora": (),
        "walt": (),
    }
    cast = {name: people.create_person(name, password=PASSWORD) for name in roles}
    cast["amina"] = people.create_person("amina", password=None, is_machine=True)
    people.grant(cast["amina"], Role.CONTRIBUTOR)
    for name, held in roles.items():
        for role in held:
            people.grant(cast[name], role)
    return cast


def _models(scale: Scale, cast: Mapping[str, Person]) -> None:
    """Nora has a role on every fiftieth model, walt on all but those."""
    names = [f"{TOPICS[n % len(TOPICS)]}-{n:04}" for n in range(scale.models)]
    policy = model_policy.ModelPolicy(benchmark={"any": {"p99_ms": 2.0}}).to_json()
    rows = [
        RegisteredModel(
            pk=n + 1,
            name=name,
            description=f"Scores {name.replace('-', ' ')} for the nightly run and the web shop. " * 2,
            task="classification" if n % 3 else "regression",
            policy=policy,
            created_by=cast["amina"],
        )
        for n, name in enumerate(names)
    ]
    RegisteredModel.objects.bulk_create(rows)
    Membership.objects.bulk_create(
        Membership(person=cast["walt" if n % 50 else "nora"], model=row, role=role)
        for n, row in enumerate(rows)
        for role in (Role.CONTRIBUTOR, Role.RELEASE_MANAGER)
    )


def _first_model(scale: Scale, cast: Mapping[str, Person]) -> Iterator[tuple[type[models.Model], list[Any]]]:
    """All rows of model 1, table by table, each after those that it points to."""
    apart = scale.models
    now = datetime.now(UTC)
    versions = _versions(scale, cast, now)
    yield ModelVersion, versions
    number = bulk.Ids(apart)
    said = {pair: v.number for v in versions for pair in terms(v.manifest["training"])}
    yield (
        Term,
        [
            Term(pk=number(), model_id=1, kind=kind, key=text.casefold(), text=text, newest=newest)
            for (kind, text), newest in said.items()
        ],
    )
    number = bulk.Ids(apart)
    yield VersionUploader, [VersionUploader(pk=number(), version=v, person=cast["amina"]) for v in versions]
    number = bulk.Ids(apart)
    yield (
        Tag,
        [Tag(pk=number(), model_id=1, key="team", value="team-00")]
        + [
            Tag(pk=number(), model_id=1, version=v, key=key, value=value)
            for v in versions
            for key, value in (
                ("framework", ("sklearn", "xgboost")[v.number % 2]),
                ("run", f"run-{v.number}"),
            )
        ],
    )
    number = bulk.Ids(apart)
    named = [("newest", versions[-1]), *((f"build-{v.number}", v) for v in versions[::50])]
    yield Alias, [Alias(pk=number(), model_id=1, version=v, name=name) for name, v in named]
    yield from _releases(scale, cast, versions, now)
    batch = bulk.Ids(apart)
    yield (
        Reward,
        [
            Reward(
                pk=batch(), request=f"{n:032}", model_id=1, version=version.number,
                revision=1, scored_at=now, reward=float(n % 2),
            )
            for n, version in zip(range(scale.rewards), cycle(versions[-20:]), strict=False)
        ],
    )  # fmt: skip
    number, live = bulk.Ids(apart), versions[-1].number
    minute = now.replace(second=0, microsecond=0)
    yield (
        Traffic,
        [
            Traffic(
                pk=number(), environment=ensure_environment("production"), at=minute - timedelta(minutes=n),
                requests=600, rows=900, seconds=0.4, codes={"bad_tensor": 3}, buckets=[[40, 300], [44, 300]],
                model_id=1, version=live, arm="champion",
            )
            for n in range(scale.minutes)
        ],
    )  # fmt: skip


def _versions(scale: Scale, cast: Mapping[str, Person], now: datetime) -> list[ModelVersion]:
    number = bulk.Ids(scale.models)
    return [
        ModelVersion(
            pk=number(),
            model_id=1,
            number=n,
            digest=hexed(f"version {n}"),
            manifest=documents.manifest(n),
            signature=documents.SIGNATURE,
            inspection={"opset": 21, "operators": [["", "Gemm"], ["", "Relu"], ["", "Softmax"]]},
            size=40_000 + n,
            uploaded_by=cast["amina"],
            built_by="ci@example.org",
            built_at=now,
            created_at=now,
        )
        for n in range(1, scale.versions + 1)
    ]


def _releases(
    scale: Scale, cast: Mapping[str, Person], versions: list[ModelVersion], now: datetime
) -> Iterator[tuple[type[models.Model], list[Any]]]:
    apart, production = scale.models, ensure_environment("production")
    policy = model_policy.ModelPolicy(benchmark={"any": {"p99_ms": 2.0}}).to_json()
    number = bulk.Ids(apart)
    chosen = versions[::2]
    states = [
        NEWEST[age] if age < len(NEWEST) else BEFORE[age % len(BEFORE)]
        for age in reversed(range(len(chosen)))
    ]
    rows = [
        Release(
            pk=number(), version=version, model_id=1, environment=production, state=state,
            strategy={"kind": "single"}, policy=policy, evidence_digest=hexed(f"evidence {version.number}"),
            opened_by=cast["amina"], opened_at=now, state_since=now + timedelta(seconds=version.number),
            was_live_since=now if state in OVER else None,
        )
        for version, state in zip(chosen, states, strict=True)
    ]  # fmt: skip
    yield Release, rows
    number = bulk.Ids(apart)
    signed = [row for row in rows if row.state not in UNSIGNED]
    yield AskedSlot, [AskedSlot(pk=number(), release=row, slot=slot) for row in signed for slot in SIGNERS]
    number = bulk.Ids(apart)
    yield GateRun, [run for row in rows for run in _gate_runs(row, number, now)]
    words = [
        Grounds(digest=hexed(f"grounds {slot}"), salt="00", author=cast[name],
                text=f"The {slot} side: looked at the evidence, and it holds.")
        for slot, name in SIGNERS.items()
    ]  # fmt: skip
    yield Grounds, words
    number = bulk.Ids(apart)
    yield Review, [review for row in rows for review in _reviews(row, number, cast)]
    events = _events(scale, versions, rows, now)
    yield Event, events
    served = [row for row in rows if row.state in SERVED]
    number = bulk.Ids(apart)
    yield (
        Rollout,
        [
            Rollout(
                pk=number(), release=row, previous=before, model_id=1, environment=production,
                reason="opened to all", opened_at=now, closed_at=now, before_phase="done",
            )
            for before, row in zip([None, *served], served, strict=False)
        ],
    )  # fmt: skip
    number, revision = bulk.Ids(apart), count(1)
    of_release = {event.subject: event for event in events}
    yield (
        Route,
        [
            Route(
                pk=number(), model_id=1, environment=production, revision=next(revision),
                entry=documents.entry(row.version.number, row.version.digest), event=of_release[row.subject],
            )
            for row in served
            for _ in range(2)
        ],
    )  # fmt: skip


def _gate_runs(release: Release, number: bulk.Ids, now: datetime) -> Iterator[GateRun]:
    """All passed; where gates still run, two have, one of every second release ended in an error."""
    waits = release.state == State.VALIDATING
    for position, gate in enumerate(GATES):
        outcome = "passed" if not waits or position < 2 else "pending"
        if waits and position == 2 and release.version.number % 4 == 1:
            outcome = "errored"
        done = outcome != "pending"
        yield GateRun(
            pk=number(), release=release, gate=gate, position=position, outcome=outcome,
            summary="It is what it was declared to be." if done else "",
            evidence=documents.EVIDENCE.get(gate, documents.CHECKED) if done else {},
            attempt=1, started_at=now if done else None, finished_at=now if done else None,
        )  # fmt: skip


def _reviews(release: Release, number: bulk.Ids, cast: Mapping[str, Person]) -> Iterator[Review]:
    """In review only the technical side has signed."""
    if release.state in UNSIGNED:
        return
    for slot, name in SIGNERS.items():
        if release.state == State.IN_REVIEW and slot != "technical":
            return
        yield Review(
            pk=number(), release=release, slot=slot, verdict="approve", person=cast[name],
            grounds_id=hexed(f"grounds {slot}"), version_digest=release.version.digest,
            evidence_digest=release.evidence_digest,
        )  # fmt: skip


def _events(
    scale: Scale, versions: list[ModelVersion], releases: list[Release], now: datetime
) -> list[Event]:
    """One for each version, two for each release, as old as they would be."""
    known = (Event.objects.order_by("-seq").values_list("seq", flat=True).first() or 0) + 1
    number, name = bulk.Ids(scale.models, known), RegisteredModel.objects.get(pk=1).name
    by_version = {row.version_id: row for row in releases}
    rows: list[Event] = []

    def append(kind: str, subject: str, actor: str, **facts: object) -> None:
        seq = number()
        at = now - timedelta(minutes=10) * (2 * scale.versions - len(rows))
        said = {"kind": kind, "subject": subject, "model": name, "actor": actor, "facts": facts}
        rows.append(
            Event(**said, seq=seq, at=at, payload=json.dumps(said), previous=hexed(f"{seq - 1}"),
                  digest=hexed(f"{seq}"))
        )  # fmt: skip

    for version in versions:
        append(
            "version.uploaded", f"version/{name}/{version.number}", "token/0a1b2c3d", digest=version.digest
        )
        if row := by_version.get(version.pk):
            append("release.opened", row.subject, "token/0a1b2c3d", version=version.number, policy=row.policy)
            append(f"release.{row.state}", row.subject, "person/chloe", version=version.number)
    return rows


def _odd_ones(scale: Scale) -> None:
    """A tag that one version has, and the team of each model."""
    middle = ModelVersion.objects.filter(model=max(1, scale.models // 2)).earliest("number")
    Tag.objects.create(model=middle.model, version=middle, key="audited", value="2026")
    for team in range(TEAMS):
        models_of_team = [pk for pk in range(1, scale.models + 1) if pk % TEAMS == team]
        Tag.objects.filter(model__in=models_of_team, version=None, key="team").update(value=f"team-{team:02}")


def main() -> None:
    """Make the database of the settings and fill it; tell how to serve it and who may ask, as JSON."""
    wakeups.install(lambda queue: None)
    call_command("prepare")
    if not RegisteredModel.objects.exists():
        with bulk.in_haste():
            seed(Scale(*map(int, sys.argv[1:])))
    dara = Person.objects.get(username="dara")
    _, token = create_token("benchmark", owner=dara, by=dara, scopes=["audit-read"])
    print(json.dumps({"command": processes.web(), "password": PASSWORD, "token": token}))
