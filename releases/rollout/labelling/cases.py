"""Requests of a rollout to which two versions gave different answers, as the prediction log keeps them.

A client's answer and the one that nobody heard have one request id. Nothing is copied: a case says in which
archives it stands, and goes with them when their time is over.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from formats.answers import Tolerances
from formats.documents import Json
from formats.dtypes import Array
from releases.models import Judgement, PredictionSegment, Rollout, Route
from releases.rollout import staging
from releases.rollout.designs.design import Design
from releases.rollout.evidence.labels import Disagreement, offers
from releases.traffic.examples import MOST_BYTES as LARGEST
from releases.traffic.examples import Heard, read
from releases.traffic.owners import signed
from scoring.request_ids import recorded
from scoring.worker.differing import differ

MOST_ROUTES = 50
"""Tolerances stay the same within a rollout: the newest routes have them."""
MOST_BYTES = 32 << 20
"""Of archives, the newest first: they are read whole."""


class Archive(NamedTuple):
    """A segment of the prediction log."""

    version: int
    digest: str
    size: int


class Said(NamedTuple):
    """What one version answered to a request, and where that stands."""

    archive: Archive
    heard: Heard


@dataclass(frozen=True, slots=True)
class Case:
    """A request to which the baseline and a challenger gave different answers.

    key        how it is asked for: it says nothing of who answered the client, as the request's id does
    new_first  whether the challenger's answer is shown first
    """

    key: str
    request: str
    about: int
    unit: int
    revision: int
    new_first: bool
    new: Archive
    old: Archive


@dataclass(frozen=True, slots=True)
class Shown:
    """What an expert sees of a case: what was asked, and both answers in the order of chance."""

    key: str
    inputs: Mapping[str, Array]
    first: Mapping[str, Array]
    second: Mapping[str, Array]


def archives(rollout: Rollout, design: Design) -> tuple[Archive, ...]:
    """Those that can hold its requests, the newest first, as many as are read."""
    rows = PredictionSegment.objects.filter(
        model=rollout.model_id,
        environment=rollout.environment_id,
        version__in=[int(arm) for arm in design.arms],
        to_at__gte=rollout.opened_at,
        size__lte=LARGEST,
    ).order_by("-to_at", "-pk")
    found, size = [], 0
    for row in rows.values_list("version", "digest", "size")[:1000]:
        size += row[2]
        if size > MOST_BYTES:
            break
        found.append(Archive(*row))
    return tuple(found)


def open_cases(rollout: Rollout) -> list[Case]:
    """One of every unit that has no label yet, in an order that nobody chooses."""
    design = staging.design_of(rollout)
    found = _found(
        archives(rollout, design),
        int(design.baseline),
        tuple(int(arm) for arm in design.challengers),
        json.dumps(_tolerances(rollout), sort_keys=True),
        bytes.fromhex(rollout.salt),
    )
    told = defaultdict(set)
    for about, unit in Judgement.objects.filter(rollout=rollout, undone_at=None).values_list("about", "unit"):
        told[about].add(unit)
    return sorted(
        (case for case in found if signed(case.unit) not in told[case.about]), key=lambda case: case.key
    )


def _tolerances(rollout: Rollout) -> Json:
    """How far two answers may be apart and still be the same, as nodes were told last."""
    routes = Route.objects.filter(stage__rollout=rollout).order_by("-revision")
    told = routes.values_list("entry__rollout__tolerances", flat=True)[:MOST_ROUTES]
    return next((each for each in told if each), {})


def shown(case: Case) -> Shown:
    """Read out of its archives."""
    new, old = _heard(case.new, case.request), _heard(case.old, case.request)
    said = [each.outputs if each else {} for each in (new, old)]
    asked = next((each.inputs for each in (new, old) if each and not each.shadow), {})
    first, second = said if case.new_first else reversed(said)
    return Shown(case.key, asked, first, second)


def _heard(archive: Archive, request: str) -> Heard | None:
    return next((heard for told, heard in read(*archive) if told == request), None)


@lru_cache(maxsize=4)
def _found(
    kept: tuple[Archive, ...], baseline: int, challengers: tuple[int, ...], tolerances: str, salt: bytes
) -> tuple[Case, ...]:
    """An archive never changes, so what was found in some of them is found again."""
    said = json.loads(tolerances)
    close = Tolerances.from_json(said) if said else Tolerances(atol=0.0, rtol=0.0)
    answered: dict[str, dict[int, Said]] = defaultdict(dict)
    for archive in kept:
        for request, heard in read(*archive):
            if heard.rows == 1:  # of many rows together nobody can say which version was right
                answered[request].setdefault(archive.version, Said(archive, heard))
    found: list[Case] = []
    for about in challengers:
        differing = {
            request: by
            for request, by in answered.items()
            if about in by and baseline in by and _differ(by[baseline].heard, by[about].heard, close)
        }
        met = (Disagreement(request, str(by[about].heard.unit)) for request, by in differing.items())
        found += [
            _case(offer.request, about, offer.new_first, differing[offer.request], baseline, salt)
            for offer in offers(met, salt)
        ]
    return tuple(found)


def _case(
    request: str, about: int, new_first: bool, by: Mapping[int, Said], baseline: int, salt: bytes
) -> Case:
    new, old = by[about], by[baseline]
    key = blake2b(f"{request} {about}".encode(), key=salt, digest_size=16, person=b"assay case").hexdigest()
    revision = recorded(request).revision
    return Case(key, request, about, new.heard.unit, revision, new_first, new.archive, old.archive)


def _differ(one: Heard, other: Heard, close: Tolerances) -> bool:
    """By the outputs that both have and that the log may keep; what a third version answered has the inputs
    elsewhere, and is left out."""
    if one.shadow and other.shadow:
        return False
    old, new = one.outputs, other.outputs
    return any(differ(old[name], new[name], close.on(name)) for name in old if name in new)
