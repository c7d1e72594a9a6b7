"""Releases begin here: opened for a version, submitted to the gates, or withdrawn."""

from __future__ import annotations

from collections.abc import Mapping

from formats.types import Signature
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
from releases.rollout import staging, trials
from releases.rollout.designs.design import Design
from releases.rollout.documents import lists
from releases.services.transitions import advance


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
    strategy, design = check_strategy(strategy, version.model, version.number)
    _check_compared(design, version)
    staging.check_features(design, Signature.from_json(version.signature), f"Version {version.number}")
    with write():
        where = selectors.environment(environment)
        _check_open(version, where, by, token)
        release = Release.objects.create(
            version=version,
            model=version.model,
            environment=where,
            strategy=trials.counted(strategy, design),
            policy=_policy_now(version.model),
            opened_by=by,
        )
        trials.keep(release, design)
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


def check_strategy(
    strategy: Mapping[str, object], model: RegisteredModel, number: int = 0
) -> tuple[dict[str, object], Design]:
    """A strategy says how, and nothing that would go unread: with its stages spelled out, and as it would go
    beside what will be live.

    number  of the version, where it has one already

    Raises BadInput naming the member.
    """
    policy = model_policy.parse(model.policy)
    whole = lists.spelled_out(strategy, policy)
    design = staging.designed(whole, str(number), lists.LIVE, catalogue=policy.metrics)
    for place, stage in enumerate(design.stages):
        if stage.named and not stage.units:
            raise BadInput(
                "Name the units that the trial serves, in a list.", field=f"strategy.stages[{place}].units"
            )
    others = {int(arm) for arm in design.challengers[1:]}
    there = model.versions.filter(number__in=others).values_list("number", flat=True)
    if unknown := others - set(there):
        raise BadInput(f"There is no version {min(unknown)} of {model}.", field="strategy.against")
    return whole, design


def _check_compared(design: Design, version: ModelVersion) -> None:
    """Of what no answer has, no two answers could differ."""
    outputs = [spec["name"] for spec in version.signature["outputs"]]
    for name in design.compare:
        if name not in outputs:
            raise BadInput(
                f"The version has no output {name!r} to compare: it gives {', '.join(outputs)}.",
                field="strategy.compare",
            )


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
