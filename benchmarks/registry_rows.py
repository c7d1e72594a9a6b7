"""A registry as large as has to be planned for, made in the database: `seed(Scale(...))`.

The first model is written row by row; the others are copies of it that the database makes by itself.
Copies lie among each other, as the uploads of many teams do: what belongs to one model is spread over
each table, so that nothing is found side by side that would not be so in real life.

The rows are those that pages read. The log is no chain: nobody may verify it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from typing import Any

from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, models

from config import processes
from registry import guards as registry_guards
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
from releases import guards as release_guards
from releases.guards import GATES
from releases.lifecycle import State
from releases.models import GateRun, Release, Review, Reward, Rollout, Route, Traffic
from releases.services.environments import ensure_environment

PASSWORD = "a benchmark's own password"  # noqa: S105 - opens nothing but the benchmark
TOPICS = ("fraud", "churn", "digits", "demand", "ranking", "credit", "vision", "speech", "routing", "intent")
TEAMS = 20
MACHINE = "token/0a1b2c3d"
SIGNERS = {"technical": "boris", "privacy": "chloe", "security": "dev", "approval": "edda"}
# The newest releases of a model, the newest first; those before them repeat the second line.
NEWEST = ("validating", "validating", *("in_review",) * 4, "approved", "approved", "live")
BEFORE = (*("superseded",) * 6, "rejected", "rejected", "rolled_back", "withdrawn")
SERVED = ("live", "superseded", "rolled_back")
COPIED = (
    ModelVersion,
    VersionUploader,
    Tag,
    Term,
    Alias,
    Release,
    GateRun,
    Review,
    Event,
    Rollout,
    Route,
    Reward,
    Traffic,
)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much. Every second version has a release; `rewards` and `minutes` of traffic are a model's."""

    models: int = 1000
    versions: int = 1000
    rewards: int = 200
    minutes: int = 60


class _Ids:
    """Primary keys of the first model, so far apart that those of its copies lie between them."""

    def __init__(self, apart: int, first: int = 1) -> None:
        self._counter = count(first, apart)

    def __call__(self) -> int:
        return next(self._counter)


def seed(scale: Scale) -> None:
    """Fill an empty registry. People: vera sees all, chloe signs and releases all, nora has few models."""
    if RegisteredModel.objects.exists():
        raise RuntimeError("this database is in use: the benchmark makes one of its own")
    cast = _cast()
    with _unguarded(), _unindexed():
        _models(scale, cast)
        # The people were there before what they did: numbers and times of a log rise together.
        Event.objects.update(at=datetime.now(UTC) - timedelta(days=365))
        for row_type, rows in _first_model(scale, cast):
            row_type.objects.bulk_create(rows, batch_size=500)  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TEMPORARY TABLE copies AS SELECT id - 1 AS n, name FROM registry_registeredmodel"
                " WHERE id > 1"
            )
            for row_type in COPIED:
                _copy(cursor, row_type)
            cursor.execute("DROP TABLE copies")
            for statement in connection.ops.sequence_reset_sql(no_style(), [RegisteredModel, *COPIED]):
                cursor.execute(statement)
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
    number = _Ids(apart)
    said = {pair: v.number for v in versions for pair in terms(v.manifest["training"])}
    yield (
        Term,
        [
            Term(pk=number(), model_id=1, kind=kind, key=text.casefold(), text=text, newest=newest)
            for (kind, text), newest in said.items()
        ],
    )
    number = _Ids(apart)
    yield VersionUploader, [VersionUploader(pk=number(), version=v, person=cast["amina"]) for v in versions]
    number = _Ids(apart)
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
    number = _Ids(apart)
    named = [("newest", versions[-1]), *((f"build-{v.number}", v) for v in versions[::50])]
    yield Alias, [Alias(pk=number(), model_id=1, version=v, name=name) for name, v in named]
    yield from _releases(scale, cast, versions, now)
    batch = _Ids(apart)
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
    number, live = _Ids(apart), versions[-1].number
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


def _labels(number: int) -> list[tuple[str, str]]:
    return [("framework", ("sklearn", "xgboost")[number % 2]), ("run", f"run-{number}")]


def _versions(scale: Scale, cast: Mapping[str, Person], now: datetime) -> list[ModelVersion]:
    number = _Ids(scale.models)
    return [
        ModelVersion(
            pk=number(),
            model_id=1,
            number=n,
            digest=_hex(f"version {n}"),
            manifest=_manifest(n),
            signature=SIGNATURE,
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
    number = _Ids(apart)
    chosen = versions[::2]
    states = [
        NEWEST[age] if age < len(NEWEST) else BEFORE[age % len(BEFORE)]
        for age in reversed(range(len(chosen)))
    ]
    rows = [
        Release(
            pk=number(), version=version, model_id=1, environment=production, state=state,
            strategy={"kind": "single"}, policy=policy, evidence_digest=_hex(f"evidence {version.number}"),
            opened_by=cast["amina"], opened_at=now, state_since=now + timedelta(seconds=version.number),
        )
        for version, state in zip(chosen, states, strict=True)
    ]  # fmt: skip
    yield Release, rows
    number = _Ids(apart)
    yield GateRun, [run for row in rows for run in _gate_runs(row, number, now)]
    words = [
        Grounds(digest=_hex(f"grounds {slot}"), salt="00", author=cast[name],
                text=f"The {slot} side: looked at the evidence, and it holds.")
        for slot, name in SIGNERS.items()
    ]  # fmt: skip
    yield Grounds, words
    number = _Ids(apart)
    yield Review, [review for row in rows for review in _reviews(row, number, cast)]
    events = _events(scale, versions, rows, now)
    yield Event, events
    served = [row for row in rows if row.state in SERVED]
    number = _Ids(apart)
    yield (
        Rollout,
        [
            Rollout(
                pk=number(), release=row, previous=before, model_id=1, environment=production, phase="done",
                reason="opened to all", progress={"prepared": 1, "nodes": {"node-1": "ready"}, "opened": 3},
                opened_at=now, closed_at=now,
            )
            for before, row in zip([None, *served], served, strict=False)
        ],
    )  # fmt: skip
    number, revision = _Ids(apart), count(1)
    of_release = {event.subject: event for event in events}
    yield (
        Route,
        [
            Route(
                pk=number(), model_id=1, environment=production, revision=next(revision),
                entry=_entry(row.version), event=of_release[row.subject],
            )
            for row in served
            for _ in range(2)
        ],
    )  # fmt: skip


def _gate_runs(release: Release, number: _Ids, now: datetime) -> Iterator[GateRun]:
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
            evidence=EVIDENCE.get(gate, {"checked": ["card", "model"], "findings": []}) if done else {},
            attempt=1, started_at=now if done else None, finished_at=now if done else None,
        )  # fmt: skip


def _reviews(release: Release, number: _Ids, cast: Mapping[str, Person]) -> Iterator[Review]:
    """In review only the technical side has signed."""
    if release.state in (State.VALIDATING, State.REJECTED, State.WITHDRAWN):
        return
    for slot, name in SIGNERS.items():
        if release.state == State.IN_REVIEW and slot != "technical":
            return
        yield Review(
            pk=number(), release=release, slot=slot, verdict="approve", person=cast[name],
            grounds_id=_hex(f"grounds {slot}"), version_digest=release.version.digest,
            evidence_digest=release.evidence_digest,
        )  # fmt: skip


def _events(
    scale: Scale, versions: list[ModelVersion], releases: list[Release], now: datetime
) -> list[Event]:
    """One for each version, two for each release, as old as they would be."""
    known = (Event.objects.order_by("-seq").values_list("seq", flat=True).first() or 0) + 1
    number, name = _Ids(scale.models, known), RegisteredModel.objects.get(pk=1).name
    by_version = {row.version_id: row for row in releases}
    rows: list[Event] = []

    def append(kind: str, subject: str, actor: str, **facts: object) -> None:
        seq = number()
        at = now - timedelta(minutes=10) * (2 * scale.versions - len(rows))
        said = {"kind": kind, "subject": subject, "model": name, "actor": actor, "facts": facts}
        rows.append(
            Event(**said, seq=seq, at=at, payload=json.dumps(said), previous=_hex(f"{seq - 1}"),
                  digest=_hex(f"{seq}"))
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


def _copy(cursor: Any, row_type: type[models.Model]) -> None:
    """Once more for each of the other models: keys of copied tables move on by its number."""
    own = {
        ModelVersion: {"digest": "CAST(10000000 + k.n AS TEXT) || SUBSTR(t.digest, 9)"},
        Reward: {"request": "t.request || CAST(k.n AS TEXT)"},
        Event: {
            "digest": "CAST(10000000 + k.n AS TEXT) || SUBSTR(t.digest, 9)",
            "model": "k.name",
            "subject": "CASE WHEN t.subject LIKE 'release/%%'"
            " THEN 'release/' || CAST(CAST(SUBSTR(t.subject, 9) AS INTEGER) + k.n AS TEXT)"
            " ELSE REPLACE(t.subject, t.model, k.name) END",
        },
    }.get(row_type, {})
    quote, table = connection.ops.quote_name, _table(row_type)
    columns = {str(field.column): _moved(field) for field in _fields(row_type)} | own
    names = ", ".join(map(quote, columns))
    # What happened to people is in the log already, and has no model.
    copied = " WHERE model <> ''" if row_type is Event else ""
    chosen = ", ".join(columns.values())
    cursor.execute(f"CREATE TEMPORARY TABLE first_rows AS SELECT * FROM {quote(table)}{copied}")
    cursor.execute(
        f"INSERT INTO {quote(table)} ({names}) SELECT {chosen} FROM first_rows t CROSS JOIN copies k", []
    )
    cursor.execute("DROP TABLE first_rows")


def _table(row_type: type[models.Model]) -> str:
    return row_type._meta.db_table  # noqa: SLF001 - documented, in spite of its name


def _fields(row_type: type[models.Model]) -> Sequence[models.Field[Any, Any]]:
    return row_type._meta.concrete_fields  # noqa: SLF001 - as above


def _moved(field: models.Field[Any, Any]) -> str:
    column = f"t.{connection.ops.quote_name(str(field.column))}"
    target = field.related_model if field.is_relation else field.model
    moves = (field.primary_key or field.is_relation) and target in (RegisteredModel, *COPIED)
    return f"{column} + k.n" if moves else column


@contextmanager
def _unguarded() -> Iterator[None]:
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
def _unindexed() -> Iterator[None]:
    """An index that is made of all rows at once takes a fraction of the time."""
    ask = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = %s"
        " AND sql IS NOT NULL",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)",
    }[connection.vendor]
    with connection.cursor() as cursor:
        found = []
        for table in map(_table, COPIED):
            cursor.execute(ask, [table])
            found += cursor.fetchall()
        for name, _ in found:
            cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")
        yield
        for _, statement in found:
            cursor.execute(statement)


def _hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


SIGNATURE = {
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 10], "features": [f"f{n}" for n in range(10)],
                "optional": False}],
    "outputs": [{"name": "label", "datatype": "INT64", "shape": [-1], "features": [], "optional": False},
                {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2], "features": [],
                 "optional": False}],
}  # fmt: skip


def _manifest(number: int) -> dict[str, Any]:
    return {
        "model": "fraud-0000",
        "files": {key: f"{key}.bin" for key in ("model", "extractor", "end_to_end", "confidence", "card")},
        "training": {
            "library": "scikit-learn", "library_version": "1.9.1", "algorithm": "HistGradientBoosting",
            "hyperparameters": {"learning_rate": 0.01 * number, "max_depth": 7, "max_iter": 200},
        },
        "data": {
            purpose: {"version": f"2026-{number:04}", "uri": f"s3://lake/fraud/{purpose}", "rows": 14370}
            for purpose in ("training", "validation")
        },
        "metric": {"name": "accuracy", "output": "label", "range": [0.93, 1.0], "claimed": 0.966},
        "signature": {"inputs": {"x": {"description": "ten standardised features", "range": [-9, 9]}}},
        "built": {"by": "ci@example.org", "commit": _hex(str(number))[:12], "run": str(number)},
    }  # fmt: skip


def _entry(version: ModelVersion) -> dict[str, Any]:
    planned = {"number": version.number, "digest": version.digest, "signature": SIGNATURE}
    return {
        "revision": 1,
        "arms": [{"version": version.number, "weight": 2**53, "reason": "champion"}],
        "versions": {str(version.number): planned},
    }


EVIDENCE: dict[str, dict[str, Any]] = {
    "confidence": {
        "metric": "accuracy", "value": 0.972, "lower": 0.951, "upper": 0.983, "range": [0.93, 1.0],
        "rows": 360, "units": 360, "method": "clopper_pearson",
        "slices": [{"name": "digit", "label": str(n), "rows": 35, "value": 0.94, "lower": 0.83, "upper": 0.99,
                    "outside": False} for n in range(6)],
        "comparison": {"decision": "not_worse", "difference": 0.006, "lower": -0.004, "upper": 0.016},
    },
    "benchmark": {
        "p50_ms": {"value": 0.31, "low": 0.308, "high": 0.314},
        "p90_ms": {"value": 0.42, "low": 0.41, "high": 0.44},
        "p99_ms": {"value": 0.74, "low": 0.69, "high": 0.91},
        "samples_per_second": 2904.0, "peak_memory_bytes": 63_963_136, "profile": "x86_64-2",
    },
}  # fmt: skip


@contextmanager
def _in_haste() -> Iterator[None]:
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


def main() -> None:
    """Make the database of the settings and fill it; tell how to serve it and who may ask, as JSON."""
    wakeups.install(lambda queue: None)
    call_command("prepare")
    if not RegisteredModel.objects.exists():
        with _in_haste():
            seed(Scale(*map(int, sys.argv[1:])))
    dara = Person.objects.get(username="dara")
    _, token = create_token("benchmark", owner=dara, by=dara, scopes=["audit-read"])
    print(json.dumps({"command": processes.web(), "password": PASSWORD, "token": token}))
