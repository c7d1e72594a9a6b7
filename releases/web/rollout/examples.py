"""The page of requests to which the versions of a rollout gave different answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.http import HttpResponseBase
from django.shortcuts import render

from formats.answers import Tolerances
from registry.charts.numbers import figure
from registry.errors import NotAllowed
from registry.selectors import access
from registry.web.pages import PersonRequest, page
from releases import policies, selectors
from releases.traffic.examples import MOST, Example, Examples, Heard, examples

if TYPE_CHECKING:
    from formats.dtypes import Array
    from releases.models import Rollout

MOST_VALUES = 8
"""Of one output in a table of two answers; probabilities of some classes."""
MOST_LETTERS = 200
"""Of one text in a table of two answers."""


@dataclass(frozen=True, slots=True)
class Values:
    """One tensor in words; `differs` where the versions disagree on it."""

    name: str
    told: str
    beside: str = ""
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """One request: what was asked, and what both said."""

    request_id: str
    at: datetime
    unit: str
    answered: int
    unheard: int
    inputs: list[Values]
    outputs: list[Values]


@page
def changed(request: PersonRequest, pk: int) -> HttpResponseBase:
    """The newest ones that are kept, for those who may read logged answers."""
    found = selectors.rollout(pk, request.user)
    if reason := policies.refuse_predictions(access(request.user, None, found.model)):
        raise NotAllowed(reason)
    versions = sorted({arm.release.version.number for arm in found.arms.all()}, reverse=True)
    told = examples(found, versions, _tolerances(found)) if versions else Examples((), 0)
    return render(
        request,
        "releases/rollout/changed.html",
        {
            "rollout": found,
            "model": found.model,
            "versions": versions,
            "joined": told.joined,
            "shown": [_shown(each) for each in told.found],
            "most": MOST,
        },
    )


def _tolerances(found: Rollout) -> Tolerances:
    """By which nodes compare; exact where no entry of the rollout says."""
    said = selectors.compared_by(found)
    return Tolerances.from_json(said) if said else Tolerances(0.0, 0.0)


def _shown(each: Example) -> Shown:
    return Shown(
        each.request_id,
        each.answered.at,
        f"{each.answered.unit:016x}",
        each.answered.version,
        each.unheard.version,
        [Values(name, words(values)) for name, values in each.answered.inputs.items()],
        [_beside(name, each.answered, each) for name in each.answered.outputs],
    )


def _beside(name: str, answered: Heard, each: Example) -> Values:
    other = each.unheard.outputs.get(name)
    told = "not kept" if other is None else words(other)
    return Values(name, words(answered.outputs[name]), told, name in each.differing)


def words(values: Array) -> str:
    """The first values of a tensor as people read them."""
    flat: list[Any] = values.reshape(-1)[:MOST_VALUES].tolist()
    told = ", ".join(figure(value) if not isinstance(value, str) else value for value in flat)
    more = values.size - len(flat)
    told = told if len(told) <= MOST_LETTERS else f"{told[:MOST_LETTERS]}…"
    return f"{told}, and {figure(more)} more" if more > 0 else told
