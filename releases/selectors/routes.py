"""Where versions serve: environments and their routes."""

from __future__ import annotations

from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from registry.errors import NotFound
from registry.models import Event, RegisteredModel
from releases.models import Environment, Rollout, Route

BY_ROLLOUTS = "system/rollouts"


def environment(name: str) -> Environment:
    """Raises NotFound."""
    found = Environment.objects.filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no environment {name!r}.", environment=name)
    return found


def environments() -> QuerySet[Environment]:
    return Environment.objects.order_by("name")


def route(model: RegisteredModel, of: Environment, at: datetime | None = None) -> Route | None:
    """The routing entry that stands now, or stood at a time."""
    routes = Route.objects.filter(model=model, environment=of)
    if at is not None:
        routes = routes.filter(at__lte=at)
    return routes.select_related("event").order_by("-revision").first()


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


def last_revised(of: Environment) -> int:
    """The event of the newest route of any model in the environment, 0 where there is none: one row."""
    events = Route.objects.filter(environment=of).order_by("-event_id").values_list("event_id", flat=True)
    return events.first() or 0


def current_routes(of: Environment) -> list[Route]:
    """The newest route of every model in the environment, by the model's name."""
    mine = Route.objects.filter(model=OuterRef("pk"), environment=of).order_by("-revision")
    newest = RegisteredModel.objects.order_by().values_list(Subquery(mine.values("pk")[:1]))
    rows = Route.objects.filter(pk__in=newest).select_related("model")
    return list(rows.defer("model__policy", "model__description").order_by("model__name"))
