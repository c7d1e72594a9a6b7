"""One model: what is live, its versions, its releases, its people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpResponseBase
from django.shortcuts import render

from formats.plan import WHOLE
from registry import model_policy
from registry import selectors as registry_selectors
from registry.manifest import METRICS
from registry.selectors import access
from registry.web.pages import PersonRequest, page
from releases import plans, policies, selectors
from releases.events import Kind
from releases.lifecycle import Action
from releases.proof import evidence
from releases.selectors import lists
from releases.web import going_back, policy_words, sentences, traffic
from releases.web.filters import Listed, VersionFilter
from releases.web.model import snippets, trends
from releases.web.policy import page as policy
from releases.web.roster import Member, members

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from registry.models import Alias, ModelVersion, RegisteredModel, Tag
    from registry.principals import Access
    from releases.models import Release

MOST_RELEASES = 10
"""The last ones, beside the versions; the list of releases has all."""


@dataclass(frozen=True, slots=True)
class Live:
    """One environment of a model: the live release, the shares, and where this person may roll it back to;
    and which rollout is under way there."""

    environment: str
    release: Release | None
    shares: list[tuple[str, float]]
    since: datetime | None
    by: str
    way_back: going_back.WayBack | None
    given_up: str = ""
    under_way: int = 0


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


@dataclass(frozen=True, slots=True)
class Versions:
    """The table of versions, and by which names some of them are called."""

    listed: Listed
    rows: list[Row]
    aliases: QuerySet[Alias]


@dataclass(frozen=True, slots=True)
class About:
    """What is said of the model beside its versions."""

    tags: QuerySet[Tag]
    releases: QuerySet[Release]
    members: list[Member]
    rules: list[policy_words.Rule]
    proposed: policy.Proposed | None
    feedback: Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Ask:
    """How a client asks for what is live; nothing where this way cannot."""

    curl: str
    triton: str


@page
def model(request: PersonRequest, name: str) -> HttpResponseBase:
    """One model."""
    found = registry_selectors.model(name, request.user)
    mine = access(request.user, None, found)
    live = _live(mine, found)
    form = VersionFilter(request.GET, found)
    wanted = lists.VersionsWanted(**form.read(), falling=form.order.descending)
    listed = Listed.of(form, lists.versions(found, wanted))
    rows = version_rows(listed.part.rows, live)
    answering = (entry.release.version for entry in live if entry.release)
    shown = next(answering, None) or next(iter(listed.part.rows), None)
    context = {
        "model": found,
        "live": live,
        "versions": Versions(listed, rows, found.aliases.filter(version__in=listed.part.rows)),
        "trend": trends.shown(request, found),
        "about": _about(mine, found, listed.part.rows),
        "traffic": traffic.shown(request, found),
        "ask": _ask(found.name, shown) if shown else None,
    }
    return render(request, "releases/model/page.html", context, status=form.status)


def _about(mine: Access, model: RegisteredModel, shown: Sequence[ModelVersion]) -> About:
    people = members(model)
    return About(
        tags=model.tags.filter(version=None),
        releases=selectors.lines_of(model)[:MOST_RELEASES],
        members=people,
        rules=policy_words.rules(model_policy.parse(model.policy)),
        proposed=policy.proposed(model, mine, people),
        feedback=selectors.feedback_by_version(model, {version.number for version in shown}),
    )


def _ask(model: str, version: ModelVersion) -> Ask:
    """How a client asks for what this version answers."""
    if missing := version.get_deferred_fields() & {"manifest", "signature"}:
        version.refresh_from_db(fields=sorted(missing))
    door = snippets.Door(settings.SCORING_ADDRESS.rstrip("/"), settings.SCORING_PUBLIC)
    told = version.manifest.get("signature", {}).get("inputs", {})
    inputs = snippets.examples(version.signature, told)
    outputs = [spec["name"] for spec in version.signature.get("outputs", [])]
    return Ask(
        curl=snippets.curl(model, inputs, door),
        triton=snippets.triton(model, inputs, outputs, door),
    )


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


def _live(who: Access, model: RegisteredModel) -> list[Live]:
    found = []
    for environment in selectors.environments():
        champion = selectors.champion(model, environment)
        if champion is None:
            found.append(Live(environment.name, None, [], None, "", None))
            continue
        route = selectors.route(model, environment)
        given = plans.weights(route.entry.get("arms", ())) if route else {}
        shares = [(f"version {number}", weight / WHOLE) for number, weight in given.items() if weight]
        facts = selectors.facts(champion)
        refusal = policies.refuse_action(Action.ROLL_BACK, who, facts)
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
                facts.under_way,
            )
        )
    return found


def _released_by(release: Release) -> str:
    """Who started the rollout that brought it live."""
    started = registry_selectors.timeline([release.subject]).filter(kind=Kind.RELEASE_ROLLING_OUT).last()
    return started.actor.removeprefix("person/") if started else ""
