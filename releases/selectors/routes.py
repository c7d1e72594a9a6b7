"""Where versions serve: environments and their routes."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db.models import OuterRef, Q, QuerySet, Subquery

from registry.catalogue import CataloguedMetric
from registry.errors import NotFound
from registry.models import Event, RegisteredModel
from releases.models import Environment, Rollout, Route

BY_ROLLOUTS = "system/rollouts"
_GOES_ON = ("move", "promote", "propose")
"""What a rollout decides by itself on the way that a person has sent it."""


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


class Decided(NamedTuple):
    """Who decided on what a route says, as the log names them: the last person who had a say in it.

    A version that a rollout has taken back by itself nobody else has; then `started_by` says whose rollout it
    was. `event` is the decision's number, `why` its reason.
    """

    by: str
    event: int
    why: str = ""
    started_by: str = ""


def decided(route: Route) -> Decided:
    """As many queries however much a rollout has decided."""
    rollout = (
        Rollout.objects.filter(
            model=route.model_id, environment=route.environment_id, opened_at__lte=route.at
        )
        .select_related("release")
        .order_by("-pk")
        .first()
    )
    if route.event.actor != BY_ROLLOUTS or rollout is None:
        return Decided(str(route.event.actor), route.event_id)
    told = Event.objects.filter(subject=rollout.release.subject, seq__lte=route.event.seq).order_by("-seq")
    started = told.filter(kind="rollout.started").values_list("actor", flat=True).first() or ""
    says = Q(kind="rollout.started") | Q(kind="rollout.reverting") | Q(kind="rollout.decided")
    by_itself = Q(kind="rollout.decided", facts__verdict__in=_GOES_ON)
    last = told.filter(says).exclude(by_itself, actor=BY_ROLLOUTS).first()
    if last is None:
        return Decided(str(route.event.actor), route.event_id, started_by=started)
    return Decided(str(last.actor), last.seq, str(last.facts.get("reason", "")), started)


def last_revised(of: Environment) -> int:
    """The event of the newest route of any model in the environment, 0 where there is none: one row."""
    events = Route.objects.filter(environment=of).order_by("-event_id").values_list("event_id", flat=True)
    return events.first() or 0


class Revised(NamedTuple):
    """A route as far as its weights go. `changes` is null where more than they has changed."""

    sequence: int
    model: str
    revision: int
    changes: int | None
    arms: list[dict[str, object]]
    at: datetime


def routes_after(of: Environment, sequence: int) -> list[Revised]:
    """What was revised after a line of the log, oldest first."""
    rows = Route.objects.filter(environment=of, event_id__gt=sequence).order_by("event_id")
    found = rows.values_list("event_id", "model__name", "revision", "changes", "entry__arms", "at")
    return [Revised(*each) for each in found]


def reward_ranges() -> dict[int, tuple[float, float]]:
    """What a reward may be, by the key of each model whose policy says it."""
    said = RegisteredModel.objects.filter(policy__metrics__reward__isnull=False).order_by()
    told = said.values_list("pk", "policy__metrics__reward")
    return {model: CataloguedMetric.from_json(metric).range for model, metric in told}


def current_routes(of: Environment) -> list[Route]:
    """The newest route of every model in the environment, by the model's name."""
    mine = Route.objects.filter(model=OuterRef("pk"), environment=of).order_by("-revision")
    newest = RegisteredModel.objects.order_by().values_list(Subquery(mine.values("pk")[:1]))
    rows = Route.objects.filter(pk__in=newest).select_related("model")
    return list(rows.defer("model__policy", "model__description").order_by("model__name"))
