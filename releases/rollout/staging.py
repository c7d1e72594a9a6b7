"""A rollout by stages: what it is designed as when it starts, and the routing entry of where it stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from django.utils import timezone
from msgspec import structs

from formats.answers import Tolerances
from formats.documents import Json
from formats.features import place
from formats.plan import INTERVAL, ONCE_MORE, RENDEZVOUS, ModelPlan, PlannedRollout, PlannedVersion
from formats.plan import Arm as PlannedArm
from formats.types import Signature
from registry import model_policy
from registry.catalogue import CataloguedMetric
from registry.errors import BadInput
from registry.storage import open_verified
from registry.stores import artifact_store
from releases import plans, selectors
from releases.errors import NotApproved
from releases.models import Arm, Release, Rollout, Stage
from releases.rollout import earlier, trials, written
from releases.rollout.designs.design import OFFERED, Design, Kind, Mode, StageKind
from releases.rollout.designs.design import Stage as DesignedStage
from releases.rollout.designs.metrics import LATENCY, Action, Metric, MetricKind
from releases.rollout.documents import document
from releases.rollout.publishing import planned
from releases.rollout.strategies import aa, ab_test, bandit, steps
from releases.rollout.strategies.base import Standing

Catalogue = Mapping[str, CataloguedMetric]
"""The metrics of a model's policy, by name."""
ALONE: Mapping[str, object] = {"kind": Kind.SINGLE}
SLACK_MS = 0.5
"""So much more is no difference that a client beyond a network meets. A version with a small share always has
some microseconds more: its weights are out of the processor's caches each time. Without slack a model that
answers in a fifth of a millisecond would be held for ever."""
WATCHED_LOOKS = 43_200
"""Of a day, one every two seconds."""


def designed(
    strategy: Mapping[str, object],
    challenger: str,
    baseline: str,
    *,
    catalogue: Catalogue,
    mode: Mode = Mode.AUTO,
) -> Design:
    """The design that a strategy's document stands for, beside a version that is live.

    Raises BadInput naming the member, also for what no rollout acts on yet.
    """
    kind = strategy.get("kind")
    offered = ", ".join(OFFERED)
    if kind is None:
        raise BadInput(
            f"Say how the release reaches its clients: write one of {offered}.", field="strategy.kind"
        )
    if kind not in OFFERED:
        raise BadInput(
            f"The strategy {kind!r} is not offered yet: write one of {offered}.", field="strategy.kind"
        )
    for name in strategy.keys() - {"kind"} if kind == Kind.SINGLE else ():
        raise BadInput(f"The strategy single has no {name!r}: leave it out.", field=f"strategy.{name}")
    design = document.parse(
        strategy, challenger=challenger, baseline=baseline, mode=mode, catalogue=catalogue
    )
    _check_acted_on(design)
    return design


def _check_acted_on(design: Design) -> None:
    """What would go unread is refused."""
    if design.kind is Kind.AB_TEST and not ab_test.decisive(design):
        raise BadInput(
            "An A/B test is about a metric of kind bad_event or bounded: name one here, or in the policy.",
            field="strategy.metrics",
        )
    if design.kind is Kind.BANDIT and not bandit.followable(design):
        raise BadInput(
            "A bandit follows a metric of kind bad_event or bounded: name one here, or in the policy.",
            field="strategy.metrics",
        )


def design_for(release: Release, champion: Release | None) -> Design:
    """How the release's rollout goes if it starts now. Where nothing is live it goes out at once: there is
    nobody to compare it with, and it is what later ones are compared with."""
    challenger = str(release.version.number)
    if champion is None:
        return designed(ALONE, challenger, "", catalogue={})
    policy = model_policy.parse(release.policy)
    design = designed(
        release.strategy,
        challenger,
        str(champion.version.number),
        catalogue=policy.metrics,
        mode=Mode(policy.mode),
    )
    check_features(
        design, Signature.from_json(champion.version.signature), f"Version {champion.version.number}"
    )
    others = [model_policy.parse(each.policy) for each in beside(release, design)]
    found = replace(
        design,
        metrics=tuple(_beside(design.metrics, champion)),
        mode=Mode.PROPOSE if any(each.mode == "propose" for each in others) else design.mode,
    )
    return found if is_by_stages(found) else _watched(found)


def against_itself(release: Release, seconds: float) -> Design:
    """An A/A run of a live release: an A/B test's metrics and tests, of the version beside itself."""
    policy = model_policy.parse(release.policy)
    alike = document.parse(
        {"kind": Kind.AB_TEST, "shadow": False},
        challenger=str(ONCE_MORE),
        baseline=str(release.version.number),
        catalogue=policy.metrics,
    )
    # What would return a version or hold it is told here, and does nothing.
    metrics = tuple(replace(each, action=Action.TELL) for each in _beside(alike.metrics, release))
    measured = sum(not each.guardrail for each in metrics)
    return replace(
        alike,
        kind=Kind.AA,
        stages=(aa.stage(str(ONCE_MORE), 1.0, seconds),),
        metrics=metrics,
        delta=aa.ALPHA / max(measured, 1),
    )


def check_features(design: Design, signature: Signature, whose: str) -> None:
    """Of what no request has, no bandit could follow anything."""
    for feature in design.play.features:
        try:
            place(signature, feature)
        except ValueError as why:
            raise BadInput(f"{whose}: {why}.", field="strategy.play.features") from None


def beside(release: Release, design: Design) -> list[Release]:
    """The releases by which the other versions take part, in their order: of each the newest that is approved
    there. Raises NotApproved naming the first version that has none."""
    numbers = [int(arm) for arm in design.challengers[1:]]
    found = selectors.approved(release.model, release.environment, numbers)
    for number in numbers:
        if number not in found:
            raise NotApproved(
                f"Version {number} has no approved release to {release.environment.name}: it takes part once"
                " it has one. Or open a release that does not name it in against.",
                version=number,
            )
    return [found[number] for number in numbers]


def _beside(metrics: Iterable[Metric], champion: Release) -> Iterator[Metric]:
    """Metrics with what the live version came to on its last day, fixed before anything is compared."""
    now = timezone.now()
    bad, slow = earlier.bad_before(champion, now), earlier.thresholds(champion, now)
    for metric in metrics:
        if metric.name == LATENCY:
            yield replace(metric, thresholds=slow, slack_ms=SLACK_MS)
        else:
            yield replace(metric, before=bad[metric.name]) if metric.name in bad else metric


def _watched(design: Design) -> Design:
    """Of what goes out at once the failures alone are judged, by so many looks as its watch has."""
    events = tuple(each for each in design.metrics if each.guardrail and each.kind is MetricKind.BAD_EVENT)
    return replace(design, metrics=events, onset_ticks=WATCHED_LOOKS)


def waits(design: Design, now: float) -> bool:
    """Whether it is to begin later than now."""
    return design.start_at is not None and now < design.start_at


# ---- rows


def is_by_stages(design: Design) -> bool:
    """Whether anything is judged on the way: `single` is over when all nodes have switched."""
    return design.kind is not Kind.SINGLE


def rows_of(rollout: Rollout, design: Design) -> list[Stage]:
    """The rows of its stages, unsaved."""
    return [
        Stage(
            rollout=rollout,
            place=place,
            kind=stage.kind,
            shares=dict(stage.shares),
            pair_share=stage.pair,
            min_dwell_s=round(stage.least_seconds),
            max_dwell_s=None if stage.most_seconds is None else round(stage.most_seconds),
            named=trials.hashed(rollout, place) if stage.kind is StageKind.TRIAL else "",
        )
        for place, stage in enumerate(design.stages)
    ]


def design_of(rollout: Rollout) -> Design:
    return written.from_json(Design, rollout.design)


def standing_of(rollout: Rollout) -> Standing:
    return written.from_json(Standing, rollout.standing)


# ---- routing entries


def entry(rollout: Rollout, design: Design, standing: Standing, now: ModelPlan) -> ModelPlan:
    """What nodes are to do where the rollout stands; what they have loaded already stays as it is."""
    stage = design.stages[standing.stage]
    playing = [arm for arm in design.arms if arm not in standing.removed]
    laid = steps.stretches_at(design, standing)
    made = plans.shared_out(
        {int(arm): _version(rollout, int(arm), now) for arm in playing},
        [
            PlannedArm(int(arm), weight, _reason(design, stage, arm), parts)
            for (arm, weight), parts in zip(laid, _by_context(design, standing), strict=True)
        ],
        mirrors=[int(arm) for arm, share in steps.mirrors_at(design, standing) if share],
        rollout=structs.replace(
            told(rollout, design, stage), trial=trials.of_stage(rollout, stage, standing.stage)
        ),
        salt=bytes.fromhex(rollout.salt),
        hashing=RENDEZVOUS if stage.kind is StageKind.BANDIT else INTERVAL,
    )
    return plans.beside_itself(made, now) if design.kind is Kind.AA else made


def _by_context(design: Design, standing: Standing) -> list[tuple[int, ...]]:
    """Each arm's part of every context, in the order of the design: one that has just joined has none yet."""
    told = dict(standing.contexts)
    nothing = (0,) * len(standing.contexts[0][1]) if standing.contexts else ()
    return [told.get(arm, nothing) for arm in design.arms]


def all_to(rollout: Rollout, arm: str, now: ModelPlan) -> ModelPlan:
    """A challenger has won: everybody comes to it, and what was live before stays loaded."""
    version, baseline = _version(rollout, int(arm), now), int(design_of(rollout).baseline)
    return plans.won(now, version, baseline, salt=bytes.fromhex(rollout.salt))


def told(rollout: Rollout, design: Design, stage: DesignedStage) -> PlannedRollout:
    """What nodes are to tell of while a stage lasts."""
    latency = next((metric for metric in design.metrics if metric.name == LATENCY), None)
    return PlannedRollout(
        id=rollout.pk,
        baseline=int(design.baseline),
        challengers=tuple(int(arm) for arm in design.challengers),
        counted=stage.kind is not StageKind.SHADOW,
        pair=stage.pair,
        sample=rollout.sample,
        slow_ms=tuple(each.ms for each in latency.thresholds) if latency else (),
        slack_ms=latency.slack_ms if latency else 0.0,
        tolerances=_tolerances(rollout) if stage.pair else {},
        compare=design.compare,
        even=bandit.even(design) if stage.kind is StageKind.BANDIT else 0.0,
        features=design.play.features if stage.kind is StageKind.BANDIT else (),
    )


def _tolerances(rollout: Rollout) -> Json:
    """How far two answers may be apart and still be the same: as the challenger's own sets say."""
    answers = planned(rollout.release).answers
    if answers is None:
        return {}
    with open_verified(artifact_store(), answers.sha256, answers.size) as stream:
        return Tolerances.from_json(json.loads(stream.readline())).to_json()


def _version(rollout: Rollout, number: int, now: ModelPlan) -> PlannedVersion:
    if number in now.versions:
        return now.versions[number]
    if number == ONCE_MORE:
        return plans.once_more(planned(rollout.release))
    return planned(Arm.objects.get(rollout=rollout, release__version__number=number).release)


def _reason(design: Design, stage: DesignedStage, arm: str) -> str:
    if arm == design.baseline:
        return "champion"
    return f"{design.kind}:{dict(stage.shares).get(arm, 0.0):.4g}"
