"""Reads of the release side."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Avg, Count, Exists, Max, OuterRef, Prefetch, Q, QuerySet, Subquery

from registry import policies as registry_policies
from registry import selectors as registry_selectors
from registry.builders import counted, keys
from registry.errors import NotFound
from registry.models import (
    ApiToken,
    Event,
    ModelVersion,
    Person,
    RegisteredModel,
)
from registry.principals import Access
from releases import policies
from releases.guards import DATA_GATES
from releases.lifecycle import State
from releases.models import Environment, GateRun, Release, Review, Reward, Rollout, Route

BY_ROLLOUTS = "system/rollouts"
HEAVY = ("manifest", "signature", "inspection")
MEASURED = ("confidence", "benchmark")
_PROOFS = 200


def damaged_artifacts() -> list[str]:
    """Digests of what gates of open releases have found to be lost or damaged in our own store."""
    errored = GateRun.objects.filter(outcome=GateRun.Outcome.ERRORED, evidence__has_key="damaged")
    open_ones = errored.filter(release__state=State.VALIDATING).values_list("evidence__damaged", flat=True)
    return sorted(set(open_ones))


def environment(name: str) -> Environment:
    """Raises NotFound."""
    found = Environment.objects.filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no environment {name!r}.", environment=name)
    return found


def environments() -> QuerySet[Environment]:
    return Environment.objects.order_by("name")


def _releases() -> QuerySet[Release]:
    return Release.objects.select_related(
        "version__model", "model", "environment", "opened_by"
    ).prefetch_related(
        "gate_runs",
        Prefetch("reviews", Review.objects.select_related("person", "grounds")),
        Prefetch("rollouts", Rollout.objects.select_related("returns_to__version").order_by("-pk")),
        "version__uploaders__person",
    )


def lines() -> QuerySet[Release]:
    """Releases as a list shows them: with their gates' outcomes, without documents and evidence."""
    return (
        Release.objects.select_related("version", "model", "environment", "opened_by")
        .defer("model__description", "model__policy", *(f"version__{name}" for name in HEAVY))
        .prefetch_related(Prefetch("gate_runs", GateRun.objects.defer("evidence", "summary")))
    )


def release(pk: int, asker: Any, token: ApiToken | None = None) -> Release:
    """One release with gates, reviews and rollouts, if the asker may see its model. Raises NotFound."""
    found = _releases().filter(pk=pk).first()
    if found is None or registry_policies.refuse_view(registry_selectors.access(asker, token, found.model)):
        raise NotFound(f"There is no release {pk} that you may see.", release=pk)
    return found


def releases_of_version(version: ModelVersion) -> QuerySet[Release]:
    return _releases().filter(version=version).order_by("-pk")


def lines_of(model: RegisteredModel) -> QuerySet[Release]:
    """The releases of a model as a list shows them, newest first."""
    return lines().filter(model=model).order_by("-pk")


def lines_of_version(version: ModelVersion) -> QuerySet[Release]:
    return lines().filter(version=version).order_by("-pk")


def measured(versions: Collection[ModelVersion]) -> dict[int, Release]:
    """The newest release of each version, by its key, with what was measured of it."""
    newest = (
        Release.objects.filter(version__in=versions).order_by().values("version").annotate(last=Max("pk"))
    )
    evidence = Prefetch("gate_runs", GateRun.objects.filter(gate__in=MEASURED).defer("summary"))
    rows = Release.objects.filter(pk__in=newest.values("last")).defer("policy").prefetch_related(evidence)
    return {row.version_id: row for row in rows}


def proofs(versions: Collection[ModelVersion]) -> dict[int, dict[str, GateRun]]:
    """By version and gate, the newest run that came to a verdict, with its release."""
    runs = GateRun.objects.filter(
        release__version__in=versions, outcome__in=(GateRun.Outcome.PASSED, GateRun.Outcome.FAILED)
    )
    newest = runs.order_by().values("release__version", "gate").annotate(last=Max("pk")).values("last")
    found: dict[int, dict[str, GateRun]] = {version.pk: {} for version in versions}
    for run in runs.filter(pk__in=newest).select_related("release").defer("release__policy"):
        found[run.release.version_id][run.gate] = run
    return found


def kept_answers(versions: Collection[ModelVersion]) -> dict[int, list[tuple[int, dict[str, Any]]]]:
    """By version, the newest proof first: (release, the tables of rows and answers that it left behind)."""
    runs = GateRun.objects.filter(
        gate="confidence", release__version__in=versions, evidence__kept__answers__isnull=False
    )
    rows = runs.order_by("-release").values_list("release__version", "release", "evidence__kept")
    found: dict[int, list[tuple[int, dict[str, Any]]]] = {version.pk: [] for version in versions}
    for version, release, kept in rows[:_PROOFS]:
        if kept and kept.get("rows") and kept.get("answers"):
            found[version].append((release, kept))
    return found


def latest_releases(asker: Any, token: ApiToken | None = None) -> QuerySet[Release]:
    """All releases, newest first, of the models that the asker may see."""
    rows = lines().order_by("-pk")
    if registry_selectors.sees_all_models(asker, token):
        return rows
    models = registry_selectors.visible_models(asker, token)
    asked = Q(Exists(models.filter(pk=OuterRef("model"))))
    return registry_selectors.narrowed(rows, Q(model__in=models), asked)


def champion(model: RegisteredModel, of: Environment) -> Release | None:
    """The live release, if there is one."""
    return _releases().filter(model=model, environment=of, state=State.LIVE).first()


def is_live(version: ModelVersion, of: Environment) -> bool:
    return Release.objects.filter(version=version, environment=of, state=State.LIVE).exists()


def champions(models: QuerySet[RegisteredModel] | list[RegisteredModel]) -> dict[int, list[Release]]:
    """Live releases by model id: one query for a whole list page."""
    found: dict[int, list[Release]] = {}
    rows = Release.objects.filter(model__in=models, state=State.LIVE).select_related("version", "environment")
    rows = rows.defer("policy", *(f"version__{name}" for name in HEAVY))
    for row in rows.order_by("environment__name"):
        found.setdefault(row.model_id, []).append(row)
    return found


def returnable(of: Release) -> QuerySet[Release]:
    """Releases that a roll-back of this live one may bring back: live there before, of another version, and
    never rolled back themselves."""
    rows = Release.objects.filter(model=of.model_id, environment=of.environment_id, state=State.SUPERSEDED)
    return rows.exclude(version=of.version_id)


def restorable(of: Release) -> Release | None:
    """The one that was live before this one: what a rollback brings back unless somebody chooses another."""
    last = Rollout.objects.filter(release=of, returns_to=None).order_by("-pk").first()
    if last is None or last.previous_id is None:
        return None
    return returnable(of).select_related("version", "model").filter(pk=last.previous_id).first()


def signatures(of: Release) -> dict[str, Review]:
    """Slot to approval, counting only those given for the evidence that stands now."""
    current = [r for r in of.reviews.all() if r.evidence_digest == of.evidence_digest]
    return {r.slot: r for r in current if r.verdict == Review.Verdict.APPROVE}


def facts(of: Release) -> policies.Facts:
    """What a policy may know about the release."""
    return facts_of([of])[of.pk]


def facts_of(releases: Collection[Release]) -> dict[int, policies.Facts]:
    """What a policy may know about each release, by its key: as many queries for one as for many, but for
    what is asked of live ones only."""
    rollouts: dict[tuple[int, int], set[int]] = {}
    open_now = Rollout.objects.filter(model__in={of.model_id for of in releases}, closed_at=None)
    for model, environment, pk in open_now.values_list("model", "environment", "release"):
        rollouts.setdefault((model, environment), set()).add(pk)
    live: dict[tuple[int, int], set[int]] = {}
    same = Release.objects.filter(version__in={of.version_id for of in releases}, state=State.LIVE)
    for version, environment, pk in same.values_list("version", "environment", "pk"):
        live.setdefault((version, environment), set()).add(pk)
    reasons = condemned({of.version_id for of in releases})
    return {
        of.pk: _facts(
            of,
            rollouts.get((of.model_id, of.environment_id), set()),
            live.get((of.version_id, of.environment_id), set()),
            reasons.get(of.version_id, ""),
        )
        for of in releases
    }


def condemned(versions: Collection[int]) -> dict[int, str]:
    """The versions, by their key, that failed a data gate in any of their releases, with a sentence on it."""
    failed = GateRun.objects.filter(
        release__version__in=versions, gate__in=DATA_GATES, outcome=GateRun.Outcome.FAILED
    )
    rows = failed.order_by("-release", "-position").values_list(
        "release__version", "release__version__number", "gate", "release"
    )
    return {version: policies.condemned(number, gate, release) for version, number, gate, release in rows}


def refuse_opening(version: ModelVersion, access: Access) -> dict[str, str]:
    """By the name of each environment, why this person may open no release of the version there, or ''."""
    reason = condemned([version.pk]).get(version.pk, "")
    here = set(
        Release.objects.filter(version=version, state=State.LIVE).values_list("environment__name", flat=True)
    )
    return {row.name: policies.refuse_open(access, reason, row.name in here) for row in environments()}


def _facts(of: Release, rollouts: Collection[int], live: Collection[int], condemned: str) -> policies.Facts:
    """`rollouts` are the releases that have an open one here, `live` are those of the same version."""
    uploaders = {u.person.username for u in of.version.uploaders.all()}
    uploaders |= {u.person.email for u in of.version.uploaders.all()} | {of.version.built_by}
    return policies.Facts(
        state=State(of.state),
        opened_by=of.opened_by.username,
        slots=tuple(of.policy.get("slots", ())),
        signed={slot: review.person.username for slot, review in signatures(of).items()},
        uploaders=frozenset(uploaders - {""}),
        builders=counted(keys(of.version.built_by), of.policy.get("plus_addresses", "same")),
        builder_refused=_builder_refused(of),
        rollout_open=of.pk in rollouts,
        other_rollout_open=any(pk != of.pk for pk in rollouts),
        can_return=of.state == State.LIVE and returnable(of).exists(),
        errored_gates=any(run.outcome == GateRun.Outcome.ERRORED for run in of.gate_runs.all()),
        retire_asked_by=_retirement_asked_by(of),
        already_live=any(pk != of.pk for pk in live),
        condemned=condemned,
    )


def builders(of: Release) -> list[Person]:
    """The accounts that are meant as builders of the version, by the policy that the release keeps."""
    return registry_selectors.builders(of.version, of.policy.get("plus_addresses", "same"))


def _builder_refused(of: Release) -> bool:
    return of.policy.get("unknown_builder", "show") == "refuse" and not builders(of)


def _retirement_asked_by(of: Release) -> str:
    if of.state != State.LIVE:
        return ""
    asked = Event.objects.filter(kind="retirement.asked", subject=of.subject).order_by("-seq").first()
    return asked.actor.removeprefix("person/") if asked else ""


def timeline(of: Release) -> QuerySet[Event]:
    """Everything that happened to the release, its rollouts and its version, oldest first."""
    subjects = [of.subject, f"version/{of.model.name}/{of.version.number}"]
    return registry_selectors.timeline(subjects)


def route(model: RegisteredModel, of: Environment, at: datetime | None = None) -> Route | None:
    """The routing entry that stands now, or stood at a time."""
    routes = Route.objects.filter(model=model, environment=of)
    if at is not None:
        routes = routes.filter(at__lte=at)
    return routes.select_related("event").order_by("-revision").first()


def released(model: RegisteredModel, of: Environment, number: int, at: datetime) -> Release | None:
    """The release by which a version had come there by that time."""
    found = _releases().filter(model=model, environment=of, version__number=number, opened_at__lte=at)
    return found.order_by("-pk").first()


def decided_by(route: Route) -> str:
    """Who decided on what this route says, as the log names them: where a rollout wrote it, who started it
    or turned it back."""
    rollout = (
        Rollout.objects.filter(
            model=route.model_id, environment=route.environment_id, opened_at__lte=route.at
        )
        .select_related("release")
        .order_by("-pk")
        .first()
    )
    if route.event.actor != BY_ROLLOUTS or rollout is None:
        return str(route.event.actor)
    decision = Event.objects.filter(
        subject=rollout.release.subject,
        kind__in=("rollout.started", "rollout.reverting"),
        seq__lte=route.event.seq,
    )
    last = decision.order_by("-seq").first()
    return str(last.actor if last else route.event.actor)


def given_up(of: Release) -> Event | None:
    """A node runs the release's version no more, and nothing could take its place."""
    tripped = Event.objects.filter(kind="breaker.tripped", subject=of.subject).order_by("-seq")
    return next((event for event in tripped if event.facts.get("stays")), None)


def current_routes(of: Environment) -> list[Route]:
    """The newest route of every model in the environment, by the model's name."""
    mine = Route.objects.filter(model=OuterRef("pk"), environment=of).order_by("-revision")
    newest = RegisteredModel.objects.order_by().values_list(Subquery(mine.values("pk")[:1]))
    rows = Route.objects.filter(pk__in=newest).select_related("model")
    return list(rows.defer("model__policy", "model__description").order_by("model__name"))


def feedback_by_version(
    model: RegisteredModel, numbers: Collection[int] | None = None
) -> dict[int, dict[str, Any]]:
    """Per version number (all, or these), the newest first: how many rewards and labels, and the mean."""
    given = Reward.objects.filter(model=model)
    if numbers is not None:
        given = given.filter(version__in=numbers)
    rows = (
        given.order_by("-version")
        .values("version")
        .annotate(
            rewards=Count("pk", filter=Q(reward__isnull=False)),
            labels=Count("pk", filter=Q(label__isnull=False)),
            mean=Avg("reward"),
        )
    )
    return {row["version"]: dict(row) for row in rows}
