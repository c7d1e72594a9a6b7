"""From rows to the routing plan: revise a model's route, sign the plan, send it out."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Collection

from django.conf import settings

from formats.heartbeat import Heartbeat
from formats.plan import (
    EVERY_MODEL,
    SCOPES,
    ArtifactRef,
    ModelPlan,
    PlannedToken,
    PlannedVersion,
    RoutingPlan,
    serialise,
    sign,
)
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
        entry = revise(entry_of(now), now.revision + 1 if now else 1)
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
        )
        return Route.objects.create(
            model=model,
            environment=environment,
            revision=entry.revision,
            entry=entry.to_json(),
            event=event,
            stage=stage,
        )


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
    entries = {
        row.model.name: ModelPlan.from_json(row.entry) for row in selectors.current_routes(environment)
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
    path = settings.PLAN_FILE.with_name(f"{environment.name}.json")
    dataplane.publish(dataplane.client(), path, envelope, plan)
    return plan.sequence


def ensure_published(environment: Environment) -> None:
    """Publish where Redis has no plan or an older one than the newest route: after a loss, or a lost job."""
    known = dataplane.published_sequence(dataplane.client(), environment.name, installation_name())
    if known == 0 or known < selectors.last_revised(environment):
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
