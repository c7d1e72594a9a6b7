"""Reads of the release side."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Avg, Count, Prefetch, Q, QuerySet

from registry import policies as registry_policies
from registry import selectors as registry_selectors
from registry.errors import NotFound
from registry.models import ApiToken, Event, ModelVersion, RegisteredModel
from registry.principals import Access
from releases import policies
from releases.lifecycle import FINAL, Action, State
from releases.models import Environment, GateRun, Release, Review, Reward, Rollout, Route


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
        Prefetch("rollouts", Rollout.objects.order_by("-pk")),
        "version__uploaders__person",
    )


def release(pk: int, asker: Any, token: ApiToken | None = None) -> Release:
    """One release with gates, reviews and rollouts, if the asker may see its model. Raises NotFound."""
    found = _releases().filter(pk=pk).first()
    if found is None or registry_policies.refuse_view(registry_selectors.access(asker, token, found.model)):
        raise NotFound(f"There is no release {pk} that you may see.", release=pk)
    return found


def releases_of(model: RegisteredModel) -> QuerySet[Release]:
    return _releases().filter(model=model).order_by("-pk")


def releases_of_version(version: ModelVersion) -> QuerySet[Release]:
    return _releases().filter(version=version).order_by("-pk")


def open_releases(asker: Any) -> QuerySet[Release]:
    """Releases that are still on their way, newest first, of the models that the asker may see."""
    models = registry_selectors.visible_models(asker)
    done = [*FINAL, State.LIVE, State.SUPERSEDED]
    return _releases().filter(model__in=models).exclude(state__in=done).order_by("-pk")


def latest_releases(asker: Any) -> QuerySet[Release]:
    """All releases, newest first, of the models that the asker may see."""
    return _releases().filter(model__in=registry_selectors.visible_models(asker)).order_by("-pk")


def champion(model: RegisteredModel, of: Environment) -> Release | None:
    """The live release, if there is one."""
    return _releases().filter(model=model, environment=of, state=State.LIVE).first()


def champions(models: QuerySet[RegisteredModel] | list[RegisteredModel]) -> dict[int, list[Release]]:
    """Live releases by model id: one query for a whole list page."""
    found: dict[int, list[Release]] = {}
    rows = Release.objects.filter(model__in=models, state=State.LIVE).select_related("version", "environment")
    for row in rows.order_by("environment__name"):
        found.setdefault(row.model_id, []).append(row)
    return found


def open_rollout(of: Release) -> Rollout | None:
    """The release's own open rollout."""
    return Rollout.objects.filter(release=of, closed_at=None).select_related("previous__version").first()


def restorable(of: Release) -> Release | None:
    """What a rollback of this live release would bring back."""
    last = Rollout.objects.filter(release=of).select_related("previous__version").order_by("-pk").first()
    if last is None or last.previous is None or last.previous.state != State.SUPERSEDED:
        return None
    return last.previous


def signatures(of: Release) -> dict[str, Review]:
    """Slot to approval, counting only those given for the evidence that stands now."""
    current = [r for r in of.reviews.all() if r.evidence_digest == of.evidence_digest]
    return {r.slot: r for r in current if r.verdict == Review.Verdict.APPROVE}


def facts(of: Release) -> policies.Facts:
    """What a policy may know about the release."""
    uploaders = {u.person.username for u in of.version.uploaders.all()}
    uploaders |= {u.person.email for u in of.version.uploaders.all()} | {of.version.built_by}
    rollouts = Rollout.objects.filter(model=of.model_id, environment=of.environment_id, closed_at=None)
    open_ids = list(rollouts.values_list("release_id", flat=True))
    return policies.Facts(
        state=State(of.state),
        slots=tuple(of.policy.get("slots", ())),
        signed={slot: review.person.username for slot, review in signatures(of).items()},
        uploaders=frozenset(uploaders - {""}),
        rollout_open=of.pk in open_ids,
        other_rollout_open=any(pk != of.pk for pk in open_ids),
        can_restore=restorable(of) is not None,
        errored_gates=any(run.outcome == GateRun.Outcome.ERRORED for run in of.gate_runs.all()),
        retire_asked_by=_retirement_asked_by(of),
        already_live=_is_live_already(of),
    )


def _is_live_already(of: Release) -> bool:
    """Whether another release of the same version is the champion here."""
    same = Release.objects.filter(version=of.version_id, environment=of.environment_id, state=State.LIVE)
    return same.exclude(pk=of.pk).exists()


def _retirement_asked_by(of: Release) -> str:
    if of.state != State.LIVE:
        return ""
    asked = Event.objects.filter(kind="retirement.asked", subject=of.subject).order_by("-seq").first()
    return asked.actor.removeprefix("person/") if asked else ""


def choices(of: Release, access: Access) -> list[tuple[Action, str]]:
    """Each action that the law allows now, with the reason why this person may not take it, or nothing."""
    return policies.choices(access, facts(of))


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


def current_routes(of: Environment) -> list[Route]:
    """The newest route of every model in the environment."""
    newest: dict[int, Route] = {}
    for row in Route.objects.filter(environment=of).select_related("model").order_by("revision"):
        newest[row.model_id] = row
    return sorted(newest.values(), key=lambda row: row.model.name)


def feedback_by_version(model: RegisteredModel) -> dict[int, dict[str, Any]]:
    """Per version number: how many rewards and labels, and the mean reward."""
    rows = (
        Reward.objects.filter(model=model)
        .values("version")
        .annotate(
            rewards=Count("pk", filter=Q(reward__isnull=False)),
            labels=Count("pk", filter=Q(label__isnull=False)),
            mean=Avg("reward"),
        )
    )
    return {row["version"]: dict(row) for row in rows}
