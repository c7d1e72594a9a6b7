"""Label these: one disagreement at a time, with both answers and nothing that says whose they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from formats.dtypes import Array
from registry.charts.numbers import figure
from registry.errors import DomainError
from registry.selectors import access
from registry.web.drafts import Written
from registry.web.pages import PersonRequest, action, page
from releases import policies, selectors
from releases.rollout import staging
from releases.rollout.labelling import cases, counted
from releases.services import labelling

if TYPE_CHECKING:
    from registry.models import ModelVersion
    from releases.models import Rollout

SIDES = re.compile(r"\b(\d{1,3})\s*(?:x|by)\s*(\d{1,3})\b")
LARGEST_SIDE, SMALLEST_SIDE = 64, 2
"""Pixels that are drawn as squares; smaller is no picture, and larger ones are too many elements of a
page."""
SMALLEST_UNSAID = 8
"""What nobody calls an image and is smaller is a table of values."""
MOST_VALUES = 256
"""Of one tensor as rows: who judges by more of them needs a picture."""
MOST_TEXT = 10_000
"""Of one value: a page of text, as somebody reads to judge it."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One point of an image: where, and how dark, 0 to 1."""

    x: int
    y: int
    ink: str


@dataclass(frozen=True, slots=True)
class Part:
    """One tensor as an expert reads it: an image, a text, or values with the names of their features."""

    name: str
    hint: str
    width: int = 0
    height: int = 0
    dots: Sequence[Dot] = ()
    text: str = ""
    rows: Sequence[tuple[str, str]] = ()
    more: int = 0

    @property
    def alone(self) -> str:
        """A single value that has no name of its own."""
        return self.rows[0][1] if len(self.rows) == 1 and not self.rows[0][0] else ""


@page
def labels(request: PersonRequest, pk: int) -> HttpResponseBase:
    """The whole page."""
    return _shown(request, pk)


def _here(request: PersonRequest, pk: int) -> Written:
    return Written(reverse("labels", args=[pk]))


@action(_here)
def give(request: PersonRequest, pk: int) -> HttpResponseBase:
    """One answer is right, or both are, or neither; the next case comes."""
    rollout = selectors.rollout(pk, request.user)
    case, right = (request.POST.get(name, "") for name in ("case", "right"))
    try:
        labelling.give(rollout, case=case, right=right, by=request.user)
    except DomainError as refusal:
        return _shown(request, pk, refusal)
    return redirect("labels", pk=pk)


@action(_here)
def undo(request: PersonRequest, pk: int) -> HttpResponseBase:
    """The last label of one's own is taken back, and its case comes again."""
    try:
        labelling.undo(selectors.rollout(pk, request.user), by=request.user)
    except DomainError as refusal:
        return _shown(request, pk, refusal)
    messages.info(request, "Taken back: its case comes again.")
    return redirect("labels", pk=pk)


def _shown(request: PersonRequest, pk: int, refusal: DomainError | None = None) -> HttpResponse:
    rollout = selectors.rollout(pk, request.user)
    reason = policies.refuse_labels(access(request.user, None, rollout.model))
    left = [] if reason else labelling.cases_for(rollout, request.user)
    why_none = reason or ("" if left else nothing(rollout))
    context = {
        "rollout": rollout,
        "release": rollout.release,
        "model": rollout.model,
        "version": rollout.release.version,
        "case": _case(rollout, left[0]) if left else None,
        "left": len(left),
        "why_none": why_none,
        "given": counted.given(rollout),
        "refusal": refusal,
        "may": not reason,
    }
    status = 403 if reason else 200 if refusal is None else 409
    return render(request, "releases/labels/page.html", context, status=status)


def nothing(rollout: Rollout) -> str:
    """Why there is nothing to judge, and what to switch on."""
    if rollout.closed_at is not None or not rollout.by_stages:
        return labelling.OVER
    design = staging.design_of(rollout)
    unlogged = sorted(
        {
            arm.release.version.number
            for arm in rollout.arms.all()
            if not (arm.release.policy.get("serving") or {}).get("log_share")
        }
    )
    if unlogged:
        named = " and ".join(f"version {number}" for number in unlogged)
        return (
            f"The prediction log keeps no answers of {named}. Let the model's policy say how many: log_share"
            " of serving. A release keeps the policy that it was submitted under: it counts for the next one."
        )
    if not any(stage.pair for stage in design.stages):
        return (
            "No stage of this rollout asks both versions the same: a shadow does, and every stage with pair."
        )
    if not cases.archives(rollout, design):
        return "No answers have been kept yet: it takes a minute or two until the first can be read."
    return (
        "Of the requests that were kept of both versions, of one row each, none is left that they answer"
        " differently. More come as clients ask."
    )


def _case(rollout: Rollout, case: cases.Case) -> dict[str, Any]:
    shown, version = cases.shown(case), rollout.release.version
    return {
        "key": shown.key,
        "inputs": _parts(shown.inputs, version, "inputs"),
        "answers": [
            ("first", "1", _parts(shown.first, version, "outputs")),
            ("second", "2", _parts(shown.second, version, "outputs")),
        ],
    }


def _parts(said: Mapping[str, Array], version: ModelVersion, side: str) -> list[Part]:
    hints = version.manifest.get("signature", {}).get(side, {})
    specs = {spec["name"]: spec for spec in version.signature.get(side, [])}
    return [part(name, array, hints.get(name) or {}, specs.get(name) or {}) for name, array in said.items()]


def part(name: str, array: Array, hints: Mapping[str, Any], spec: Mapping[str, Any]) -> Part:
    """One row's tensor by what the signature says of it: an image where its sides are known, a text where it
    is one, else its values."""
    row = array[0] if array.ndim > 1 or array.shape[:1] == (1,) else array
    row, hint = np.asarray(row), str(hints.get("description") or "")
    image = _image(row, hint)
    if image is not None:
        ends = spec.get("range") or hints.get("range")
        return Part(name, hint, image.shape[1], image.shape[0], _dots(image, ends))
    if row.dtype.kind in "OUS" and row.size == 1:
        return Part(name, hint, text=str(row.reshape(-1)[0])[:MOST_TEXT])
    features = list(spec.get("features") or hints.get("features") or [])
    flat = row.reshape(-1).tolist()
    named = [
        (
            str(features[place]) if place < len(features) else "" if len(flat) == 1 else str(place),
            _told(value),
        )
        for place, value in enumerate(flat[:MOST_VALUES])
    ]
    return Part(name, hint, rows=named, more=max(len(flat) - MOST_VALUES, 0))


def _image(row: Array, hint: str) -> Array | None:
    if row.dtype.kind not in "fiu":
        return None
    if row.ndim == 3 and row.shape[0] in (1, 3):
        row = row.mean(axis=0)
    elif row.ndim == 3 and row.shape[2] in (1, 3):
        row = row.mean(axis=2)
    elif row.ndim == 1 and (said := SIDES.search(hint)):
        sides = int(said[1]), int(said[2])
        row = row.reshape(sides) if sides[0] * sides[1] == row.size else row
    least = SMALLEST_SIDE if SIDES.search(hint) or "image" in hint.lower() else SMALLEST_UNSAID
    is_image = row.ndim == 2 and all(least <= side <= LARGEST_SIDE for side in row.shape)
    return row.astype(np.float64) if is_image else None


def _dots(image: Array, ends: Sequence[float] | None) -> list[Dot]:
    finite = np.where(np.isfinite(image), image, 0.0)
    low, high = (float(end) for end in ends or (finite.min(), finite.max()))
    ink = np.clip((finite - low) / (high - low or 1.0), 0.0, 1.0)
    return [Dot(int(x), int(y), f"{ink[y, x]:.2f}") for y, x in zip(*np.nonzero(ink >= 0.005), strict=True)]


def _told(value: object) -> str:
    if isinstance(value, float):
        return figure(value) if isfinite(value) else str(value)
    return str(value)[:MOST_TEXT]
