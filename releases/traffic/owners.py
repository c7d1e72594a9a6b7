"""Whose an answer was: its model by the tag in its id, its environment by the route of its revision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from registry.models import RegisteredModel
from registry.services.tags import models_by_tag
from releases.models import Environment, Reward, Route
from scoring.request_ids import KEPT, RequestId, recorded

_CLOCKS_APART = timedelta(minutes=1)
"""A node tells the time of an answer, we that of a route: so much their clocks may differ."""
_AT_ONCE = 2000
"""Rows in one transaction, for which whoever writes waits."""


class Answer(NamedTuple):
    """What decides whose an answer was. `arm` is a place in the arms of the route, or `KEPT`."""

    model_id: int
    version: int
    revision: int
    arm: int
    at: datetime


class Place(NamedTuple):
    """Where an answer was given: the keys of the environment, and of the rollout whose weights chose it."""

    environment: int | None = None
    rollout: int | None = None


_NOWHERE = Place()


class Environments:
    """Where answers were given: revisions count by model and environment, and ids do not name the latter."""

    def __init__(self, answers: Collection[Answer]) -> None:
        self._routes: dict[tuple[int, int], list[tuple[datetime, Place, Any]]] = defaultdict(list)
        models = {answer.model_id for answer in answers}
        revisions = {answer.revision for answer in answers}
        found = Route.objects.filter(model__in=models, revision__in=revisions).order_by("at")
        asked = (
            "model_id",
            "revision",
            "at",
            "environment_id",
            "stage__rollout",
            "entry__arms",
            "entry__fallback",
        )
        for model, revision, at, environment, rollout, arms, fallback in found.values_list(*asked):
            answering = [arm["version"] for arm in arms], fallback
            self._routes[model, revision].append((at, Place(environment, rollout), answering))

    def of(self, answer: Answer, near: Environment | None = None) -> Place:
        """In `near` where it can be that environment, else in the last with such a route then."""
        fitting = [
            (at, place)
            for at, place, (arms, fallback) in self._routes[answer.model_id, answer.revision]
            if answer.version in (fallback, *_may_be(answer, arms))
        ]
        for _, place in fitting:
            if near is not None and place.environment == near.pk:
                return place
        then = [place for at, place in fitting if at <= answer.at + _CLOCKS_APART]
        return then[-1] if then else _NOWHERE


def _may_be(answer: Answer, arms: Sequence[int]) -> Sequence[int]:
    """Which versions an arm of that number can have been."""
    return arms if answer.arm == KEPT else arms[answer.arm : answer.arm + 1]


def models_of(answers: Collection[RequestId]) -> dict[bytes, RegisteredModel]:
    return models_by_tag({answer.model for answer in answers})


def answer_of(said: RequestId, model: RegisteredModel) -> Answer:
    at = datetime.fromtimestamp(said.at_ms / 1000, UTC)
    return Answer(model.pk, said.version, said.revision, said.arm, at)


UNIT_BITS = (1 << 64) - 1
"""All bits of a unit's place: what a database keeps with a sign has them again without one."""


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
        said = recorded(row.request)
        row.arm, row.unit = said.arm, signed(said.unit)
        answers.append(Answer(row.model_id, row.version, row.revision, row.arm, row.scored_at))
    environments = Environments(answers)
    for row, answer in zip(rows, answers, strict=True):
        row.environment_id = environments.of(answer).environment
    Reward.objects.bulk_update(rows, ["environment", "arm", "unit"], batch_size=100)
    return len(rows)
