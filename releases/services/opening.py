"""Releases begin here: opened for a version, submitted to the gates, or withdrawn."""

from __future__ import annotations

from collections.abc import Mapping

from registry import model_policy
from registry.errors import BadInput, NotAllowed
from registry.events import grounds as keep_grounds
from registry.events import record
from registry.models import ApiToken, ModelVersion, Person, RegisteredModel
from registry.selectors import access
from registry.transactions import write
from releases import policies, selectors
from releases.errors import AlreadyLive, Condemned
from releases.events import Kind
from releases.guards import GATES
from releases.lifecycle import Action, State
from releases.models import Environment, GateRun, Release
from releases.services.transitions import advance

STRATEGIES = ("single",)


def open_release(
    version: ModelVersion,
    *,
    environment: str,
    strategy: Mapping[str, object],
    by: Person,
    token: ApiToken | None = None,
    submit: bool = True,
) -> Release:
    """Open a release under the model's policy as it stands, and (by default) submit it to the gates.

    Raises NotFound for the environment, BadInput for the strategy, NotAllowed, Condemned, AlreadyLive.
    """
    check_strategy(strategy)
    with write():
        where = selectors.environment(environment)
        _check_open(version, where, by, token)
        release = Release.objects.create(
            version=version,
            model=version.model,
            environment=where,
            strategy=dict(strategy),
            policy=_policy_now(version.model),
            opened_by=by,
        )
        record(
            Kind.RELEASE_OPENED,
            release.subject,
            actor=(token or by).actor,
            model=version.model.name,
            version=version.number,
            digest=version.digest,
            environment=environment,
            strategy=release.strategy,
            policy=release.policy,
        )
        return submit_release(release, by=by, token=token) if submit else release


def _check_open(version: ModelVersion, where: Environment, by: Person, token: ApiToken | None) -> None:
    asker = access(by, token, version.model)
    if reason := policies.refuse_open(asker):
        raise NotAllowed(reason)
    if reason := selectors.condemned([version.pk]).get(version.pk, ""):
        raise Condemned(reason)
    if selectors.is_live(version, where):
        raise AlreadyLive(policies.LIVE_ALREADY)


def check_strategy(strategy: Mapping[str, object]) -> None:
    """A strategy says how, and nothing that would go unread. Raises BadInput naming the member."""
    offered = " or ".join(STRATEGIES)
    if "kind" not in strategy:
        raise BadInput(f"Say how the release reaches its clients: write {offered}.", field="strategy.kind")
    kind = strategy["kind"]
    if kind not in STRATEGIES:
        raise BadInput(f"The strategy {kind!r} is not offered yet: write {offered}.", field="strategy.kind")
    for name in strategy.keys() - {"kind"}:
        raise BadInput(f"The strategy {kind} has no {name!r}: leave it out.", field=f"strategy.{name}")


def submit_release(release: Release, *, by: Person, token: ApiToken | None = None) -> Release:
    """Hand the release to the gates, under the model's policy as it stands: it keeps that one."""
    with write():
        _check(Action.SUBMIT, release, by, token)
        now = _policy_now(release.model)
        anew = {"policy": now} if now != release.policy else {}
        Release.objects.filter(pk=release.pk, state=State.DRAFT).update(policy=now)
        for position, gate in enumerate(GATES):
            GateRun.objects.get_or_create(release=release, gate=gate, defaults={"position": position})
        return advance(release, Action.SUBMIT, actor=(token or by).actor, **anew)


def _policy_now(model: RegisteredModel) -> dict[str, object]:
    """Read inside the write that uses it: whoever opened the page may have seen an older one."""
    model.refresh_from_db(fields=["policy"])
    return model_policy.parse(model.policy).to_json()


def withdraw(release: Release, *, by: Person, token: ApiToken | None = None, grounds: str = "") -> Release:
    """Take a release back before it serves."""
    _check(Action.WITHDRAW, release, by, token)
    with write():
        kept = keep_grounds(grounds, by)
        return advance(release, Action.WITHDRAW, actor=(token or by).actor, grounds=kept.digest)


def _check(action: Action, release: Release, by: Person, token: ApiToken | None) -> None:
    if reason := policies.refuse_action(action, access(by, token, release.model), selectors.facts(release)):
        raise NotAllowed(reason)
