"""From rows to the routing plan: revise a model's route, sign the plan, send it out."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from django.conf import settings
from msgspec.structs import replace

from formats import shares
from formats.heartbeat import Heartbeat
from formats.plan import (
    EVERY_MODEL,
    SCOPES,
    Arm,
    ArtifactRef,
    ModelPlan,
    PlannedToken,
    PlannedVersion,
    RoutingPlan,
    serialise,
    sign,
)
from formats.shares import Shares, shares_alone
from formats.weights import beside
from registry import model_policy
from registry.client_tokens import scoring_tokens
from registry.events import record
from registry.models import LogHead, ModelVersion, RegisteredModel
from registry.services.installation import installation_name
from registry.transactions import write
from releases import dataplane, plans, selectors
from releases.events import Kind
from releases.models import Environment, GateRun, Release, Route, Stage
from releases.rollout import spells
from releases.rollout.quorum import serving

MOST_SHARES = 1000
"""Newer than the plan: what a node reads that starts now. More of them would cost it more than a plan."""
HEARD_WITHIN_S = 5.0
"""A node looks for new weights twice a second, and its heartbeat a second later says that it has them."""
log = logging.getLogger(__name__)
Revise = Callable[[ModelPlan | None, int], ModelPlan]


def revise_route(
    model: RegisteredModel,
    environment: Environment,
    revise: Revise,
    *,
    actor: str,
    why: str,
    stage: Stage | None = None,
) -> Route:
    """Write the next revision of a model's route, inside the surrounding write.

    `revise` gets the entry that stands (None at first) and the next revision's number; `stage` is the part of
    a rollout whose weights it has.
    """
    with write():
        now = selectors.route(model, environment)
        before = entry_of(now)
        entry = revise(before, now.revision + 1 if now else 1)
        changes = _whole_since(now) if now and before and shares_alone(before, entry) else None
        event = record(
            Kind.ROUTE_REVISED,
            f"route/{environment.name}/{model.name}",
            actor=actor,
            model=model.name,
            environment=environment.name,
            revision=entry.revision,
            arms=[{"version": a.version, "weight": a.weight, "reason": a.reason} for a in entry.arms],
            loaded={str(number): v.digest for number, v in entry.versions.items()},
            why=why,
            **({"changes": changes} if changes is not None else {}),
        )
        return Route.objects.create(
            model=model,
            environment=environment,
            revision=entry.revision,
            entry=entry.to_json(),
            event=event,
            stage=stage,
            changes=changes,
            spell=_spell(stage, entry) if stage else None,
        )


def _spell(stage: Stage, entry: ModelPlan) -> int:
    return spells.first_alike(stage, entry.to_json()) or entry.revision


def _whole_since(route: Route) -> int:
    return route.revision if route.changes is None else route.changes


def entry_of(route: Route | None) -> ModelPlan | None:
    """The routing entry in a row."""
    return ModelPlan.from_json(route.entry) if route else None


def planned(release: Release) -> PlannedVersion:
    """The release's version as nodes load it: what its proof found out, served as its policy says."""
    version: ModelVersion = release.version
    files = {
        f.key: ArtifactRef(f.artifact_id, f.artifact.size) for f in version.files.select_related("artifact")
    }
    proof = GateRun.objects.get(release=release, gate="end_to_end").evidence
    answers = proof.get("answers")
    return plans.planned_version(
        number=version.number,
        digest=version.digest,
        files=files,
        signature=plans.with_sensitivity(version.signature, version.manifest),
        rows=version.end_to_end_set.kind,
        batchable=bool(proof.get("batchable", False)),
        serving=model_policy.parse(release.policy).serving,
        answers=ArtifactRef.from_json(answers) if answers else None,
        weights={where: files[key] for where, key in beside(version.manifest.get("files") or {}).items()},
    )


def build(environment: Environment) -> RoutingPlan:
    """The plan as the rows say it now. Its sequence is the log's, read first: content is never older."""
    sequence, log_digest = LogHead.objects.values_list("seq", "digest").filter(pk=1).first() or (0, "")
    ranges = selectors.reward_ranges()
    entries = {
        row.model.name: replace(ModelPlan.from_json(row.entry), reward=ranges.get(row.model_id))
        for row in selectors.current_routes(environment)
    }
    return RoutingPlan(
        environment=environment.name,
        sequence=sequence,
        issued_at=time.time(),
        models=entries,
        tokens=(_internal_token(), *_client_tokens()),
        public=settings.SCORING_PUBLIC,
        installation=installation_name(),
        log_digest=log_digest,
    )


def publish(environment: Environment) -> int:
    """Sign the plan and send it to Redis and to the plan file; its sequence. Repeating it is harmless."""
    plan = build(environment)
    envelope = sign(serialise(plan), settings.PLAN_KEY())
    dataplane.publish(dataplane.client(), _plan_file(environment), envelope, plan)
    return plan.sequence


def _plan_file(environment: Environment) -> Path:
    return Path(settings.PLAN_FILE).with_name(f"{environment.name}.json")


def publish_news(environment: Environment) -> None:
    """Send what has been revised since the plan that is out: weights alone, a small document for each model,
    where nothing else has changed. A whole plan where more has, or after a thousand of them."""
    client = dataplane.client()
    known, told = dataplane.published(client, environment.name, installation_name())
    news = selectors.routes_after(environment, known)
    if not known or len(news) > MOST_SHARES or any(each.changes is None for each in news):
        publish(environment)
    elif news:
        newest = {each.model: each for each in news}.values()
        dataplane.publish_shares(
            client,
            _plan_file(environment),
            environment.name,
            installation_name(),
            {each.sequence: _shares(environment, each) for each in newest},
            told,
        )


def _shares(environment: Environment, news: selectors.Revised) -> str:
    document = Shares(
        environment=environment.name,
        installation=installation_name(),
        sequence=news.sequence,
        model=news.model,
        revision=news.revision,
        changes=news.changes or 0,
        arms=tuple(Arm.from_json(arm) for arm in news.arms),
    )
    return sign(shares.serialise(document), settings.PLAN_KEY())


def ensure_published(environment: Environment) -> None:
    """Publish where Redis has no plan, or nothing as new as the newest route: after a loss, or a lost job."""
    known, told = dataplane.published(dataplane.client(), environment.name, installation_name())
    if known == 0:
        publish(environment)
    elif max(known, told) < selectors.last_revised(environment):
        publish_news(environment)


def catch_up(environment: Environment, beats: Sequence[Heartbeat]) -> None:
    """Send the whole plan where a node that is alive has still not followed new weights: one of a release
    that does not know of them, or one that has not heard."""
    known, told = dataplane.published(dataplane.client(), environment.name, installation_name())
    if told <= known:
        return
    now = time.time()
    due = {
        each.model: each.revision
        for each in selectors.routes_after(environment, known)
        if now - each.at.timestamp() > HEARD_WITHIN_S
    }
    alive = [beat for beat in beats if beat.alive(now)]
    late = (name for name, to in due.items() for beat in serving(alive, name) if beat.of(name).revision < to)
    if (model := next(late, None)) is not None:
        log.info("a node of %s has not followed the shares of %s: it gets a plan", environment, model)
        publish(environment)


def say_here() -> None:
    """Leave word of this installation, so that two on one Redis hear of each other."""
    dataplane.say_here(dataplane.client(), installation_name(), time.time())


def heartbeats(environment: Environment, nodes: Collection[str] | None = None) -> list[Heartbeat]:
    """What the nodes of an environment last said; of these nodes alone, which spares looking for others."""
    return dataplane.heartbeats(dataplane.client(), environment.name, settings.REQUEST_KEY(), nodes)


def internal_token() -> str:
    """The bearer text of our own verification calls; nodes know it by digest and keep it out of evidence."""
    tag = hmac.new(settings.SECRET_KEY.encode(), b"assay verification calls", hashlib.sha256).hexdigest()
    return f"assay_internal_{tag}"


def _internal_token() -> PlannedToken:
    digest = hashlib.sha256(internal_token().encode()).hexdigest()
    scopes = frozenset({"score", "score-version"})
    return PlannedToken("internal", digest, scopes, frozenset({EVERY_MODEL}), internal=True)


def _client_tokens() -> list[PlannedToken]:
    rows = []
    for token, names in scoring_tokens():
        scopes = SCOPES & set(token.scopes)
        if scopes and names:
            expires = token.expires_at.timestamp() if token.expires_at else None
            rows.append(PlannedToken(token.identifier, token.secret_sha256, scopes, names, expires))
    return rows
