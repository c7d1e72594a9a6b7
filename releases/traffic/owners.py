"""Whose an answer was: its model by the tag in its id, its environment by the route of its revision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from registry.models import RegisteredModel
from registry.services.tags import models_by_tag
from releases.models import Environment, Reward, Route
from scoring.request_ids import RequestId, recorded

_CLOCKS_APART = timedelta(minutes=1)
_AT_ONCE = 2000


class Answer(NamedTuple):
    """What decides whose an answer was. `arm` is a place in the arms of the route."""

    model_id: int
    version: int
    revision: int
    arm: int
    at: datetime


class Environments:
    """Where answers were given: revisions count by model and environment, and ids do not name the latter."""

    def __init__(self, answers: Collection[Answer]) -> None:
        self._routes: dict[tuple[int, int], list[tuple[datetime, int, Any]]] = defaultdict(list)
        models = {answer.model_id for answer in answers}
        revisions = {answer.revision for answer in answers}
        found = Route.objects.filter(model__in=models, revision__in=revisions).order_by("at")
        asked = ("model_id", "revision", "at", "environment_id", "entry__arms", "entry__fallback")
        for model, revision, at, environment, arms, fallback in found.values_list(*asked):
            self._routes[model, revision].append((at, environment, ([a["version"] for a in arms], fallback)))

    def of(self, answer: Answer, near: Environment | None = None) -> int | None:
        """The environment's key: `near` where it can be that one, else the last with such a route then."""
        fitting = [
            (at, environment)
            for at, environment, (arms, fallback) in self._routes[answer.model_id, answer.revision]
            if answer.version == fallback or arms[answer.arm : answer.arm + 1] == [answer.version]
        ]
        if near is not None and any(environment == near.pk for _, environment in fitting):
            return int(near.pk)
        then = [environment for at, environment in fitting if at <= answer.at + _CLOCKS_APART]
        return then[-1] if then else None


def models_of(answers: Collection[RequestId]) -> dict[bytes, RegisteredModel]:
    return models_by_tag({answer.model for answer in answers})


def answer_of(said: RequestId, model: RegisteredModel) -> Answer:
    at = datetime.fromtimestamp(said.at_ms / 1000, UTC)
    return Answer(model.pk, said.version, said.revision, said.arm, at)


def signed(unit: int) -> int:
    """64 bits as databases keep them."""
    return unit - (1 << 64) if unit >> 63 else unit


def complete() -> int:
    """Give rewards of the release before their arm, unit and environment, from the ids that are stored.

    So many at a time; how many there were.
    """
    rows: Sequence[Reward] = list(Reward.objects.filter(unit=None).order_by("pk")[:_AT_ONCE])
    answers = []
    for row in rows:
        row.arm, unit = recorded(row.request)
        row.unit = signed(unit)
        answers.append(Answer(row.model_id, row.version, row.revision, row.arm, row.scored_at))
    environments = Environments(answers)
    for row, answer in zip(rows, answers, strict=True):
        row.environment_id = environments.of(answer)
    Reward.objects.bulk_update(rows, ["environment", "arm", "unit"], batch_size=100)
    return len(rows)
