"""One model: what is live, its versions, its releases, its people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpResponseBase
from django.shortcuts import render

from registry import model_policy
from registry import selectors as registry_selectors
from registry.keyset import keyset
from registry.manifest import METRICS
from registry.selectors import access
from registry.web.pages import PersonRequest, page
from releases import policies, selectors
from releases.events import Kind
from releases.lifecycle import Action
from releases.proof import evidence
from releases.selectors import lists
from releases.web import going_back, policy_words, sentences, traffic
from releases.web.filters import VersionFilter
from releases.web.model import snippets, trends
from releases.web.policy import page as policy
from releases.web.roster import members

if TYPE_CHECKING:
    from registry.models import ModelVersion, Person, RegisteredModel
    from releases.models import Release

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class Live:
    """One environment of a model: the live release, the shares, and where this person may roll it back to."""

    environment: str
    release: Release | None
    shares: list[tuple[str, float]]
    since: datetime | None
    by: str
    way_back: going_back.WayBack | None
    given_up: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One version in the table: its newest release and what was measured of it."""

    version: ModelVersion
    release: Release | None
    quality: evidence.Quality | None
    p99: float | None
    delta: float | None = None
    live_in: tuple[str, ...] = ()
    tone: str = ""


@page
def model(request: PersonRequest, name: str) -> HttpResponseBase:
    """One model."""
    found = registry_selectors.model(name, request.user)
    people = members(found)
    live = _live(request.user, found)
    form = VersionFilter(request.GET, found)
    wanted = lists.VersionsWanted(**form.read(), falling=form.order.descending)
    listed = lists.versions(found, wanted)
    versions = keyset(listed, form.order, request.GET.get("cursor", ""), PAGE_SIZE)
    rows = version_rows(versions.rows, live)
    shown = next((row.version for row in rows if row.live_in), None) or next(iter(versions.rows), None)
    context = {
        "model": found,
        "form": form,
        "total": lists.count(listed),
        "live": live,
        "versions": versions,
        "rows": rows,
        "trend": trends.shown(request, found),
        "releases": selectors.lines_of(found)[:10],
        "members": people,
        "rules": policy_words.rules(model_policy.parse(found.policy)),
        "proposed": policy.proposed(found, access(request.user, None, found), people),
        **traffic.shown(request, found),
        "feedback": selectors.feedback_by_version(found, {v.number for v in versions.rows}),
        "tags": found.tags.filter(version=None),
        "aliases": found.aliases.filter(version__in=versions.rows),
        **(_snippets(found.name, shown) if shown else {}),
    }
    return render(request, "releases/model/page.html", context, status=form.status)


def _snippets(model: str, version: ModelVersion) -> dict[str, str]:
    """How a client asks for what this version answers."""
    version.refresh_from_db(fields=["manifest", "signature"])
    door = snippets.Door(settings.SCORING_ADDRESS.rstrip("/"), settings.SCORING_PUBLIC)
    told = version.manifest.get("signature", {}).get("inputs", {})
    inputs = snippets.examples(version.signature, told)
    outputs = [spec["name"] for spec in version.signature.get("outputs", [])]
    return {
        "curl": snippets.curl(model, inputs, door),
        "triton": snippets.triton(model, inputs, outputs, door),
    }


def version_rows(versions: Sequence[ModelVersion], live: Iterable[Live] = ()) -> list[Row]:
    """Versions with their newest release and its measurements; deltas are against what is live."""
    newest = selectors.measured(versions)
    champions = {entry.release.version_id: entry.release for entry in live if entry.release}
    base = next(map(evidence.quality_of, champions.values()), None)
    rows = []
    for version in versions:
        release = newest.get(version.pk)
        quality = evidence.quality_of(release) if release else None
        delta = None if version.pk in champions else _delta(quality, base)
        where = tuple(e.environment for e in live if e.release and e.release.version_id == version.pk)
        p99 = evidence.latency_of(release).get("p99") if release else None
        rows.append(Row(version, release, quality, p99, delta, where, _tone(quality, delta)))
    return rows


def _delta(quality: evidence.Quality | None, base: evidence.Quality | None) -> float | None:
    """Against what is live, where both were measured by one metric."""
    if quality is None or base is None or quality.metric != base.metric:
        return None
    return quality.value - base.value


def _tone(quality: evidence.Quality | None, delta: float | None) -> str:
    """Better is what the metric says is better: a loss that rises is worse."""
    metric = METRICS.get(quality.metric) if quality else None
    if metric is None or not delta:
        return ""
    return "positive" if (delta > 0) == metric.higher_is_better else "danger"


def _live(asker: Person, model: RegisteredModel) -> list[Live]:
    who = access(asker, None, model)
    found = []
    for environment in selectors.environments():
        champion = selectors.champion(model, environment)
        if champion is None:
            found.append(Live(environment.name, None, [], None, "", None))
            continue
        route = selectors.route(model, environment)
        arms = route.entry.get("arms", []) if route else []
        shares = [(f"version {arm['version']}", arm["weight"] / 2**53) for arm in arms if arm["weight"]]
        refusal = policies.refuse_action(Action.ROLL_BACK, who, selectors.facts(champion))
        broken = selectors.given_up(champion)
        found.append(
            Live(
                environment.name,
                champion,
                shares,
                champion.state_since,
                _released_by(champion),
                None if refusal else going_back.way_back(champion),
                sentences.sentence(broken.kind, broken.facts) if broken else "",
            )
        )
    return found


def _released_by(release: Release) -> str:
    """Who started the rollout that brought it live."""
    started = registry_selectors.timeline([release.subject]).filter(kind=Kind.RELEASE_ROLLING_OUT).last()
    return started.actor.removeprefix("person/") if started else ""
