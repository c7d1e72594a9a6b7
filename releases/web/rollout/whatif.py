"""The page of what other shares of a rollout would have brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpResponseBase
from django.shortcuts import render

from registry.errors import BadInput
from registry.web.pages import PersonRequest, page
from releases import selectors
from releases.rollout import whatif
from releases.rollout.evidence.offpolicy import Estimate
from releases.rollout.seen import counted
from releases.rollout.whatif import Answer

if TYPE_CHECKING:
    from releases.models import Rollout


@dataclass(frozen=True, slots=True)
class Line:
    """One way of sharing units out. `estimates` by three ways of weighing, the most exact first."""

    name: str
    estimates: tuple[str, ...]
    effective: int | None
    refusal: str


@page
def what_if(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Each version alone, all alike, and what the reader asks about."""
    found = selectors.rollout(pk, request.user)
    said = {name: request.GET.get(name, "").strip() for name in ("metric", "shares")}
    shown = {"rollout": found, "model": found.model, "said": said}
    try:
        shown |= _told(found, said)
    except BadInput as refusal:
        shown |= {"refusal": refusal}
    status = 422 if "refusal" in shown and any(said.values()) else 200
    return render(request, "releases/rollout/what_if.html", shown, status=status)


def _told(found: Rollout, said: Mapping[str, str]) -> dict[str, object]:
    if not found.design:
        raise BadInput(whatif.NO_SHARES, field="rollout")
    design, counts = counted(found)
    metric = whatif.metric_of(design, said["metric"])
    mine = [whatif.asked(design, said["shares"])] if said["shares"] else []
    answers = whatif.answers(design, counts, metric, [*mine, *whatif.usual(design)])
    return {
        "metric": metric,
        "was": whatif.as_it_was(whatif.groups(design, counts, metric)),
        "lines": [_line(each) for each in answers],
        "example": _example(design.arms),
    }


def _line(answer: Answer) -> Line:
    found = answer.estimates
    if found is None:
        return Line(answer.policy.name, (), None, answer.refusal)
    ways = (found.dr, found.snips, found.ips)
    return Line(answer.policy.name, tuple(_said(each) for each in ways), round(found.effective), "")


def _said(estimate: Estimate) -> str:
    return f"{estimate.value:.4g} ({estimate.low:.4g} to {estimate.high:.4g})"


def _example(arms: tuple[str, ...]) -> str:
    first, last = arms[0], arms[-1]
    return f"{first}:0.25, {last}:0.75"
