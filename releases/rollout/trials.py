"""Whom a trial serves: named by whoever opens the release, kept in one place, and hashed everywhere else.

The text of their names is in `NamedUnits` alone, which goes when the release is live or over. The strategy
that is kept and logged says how many they are; stages and plans have their hashes under the rollout's salt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from releases.errors import NotApproved
from releases.models import NamedUnits, Release, Rollout, Stage
from releases.rollout.designs.design import Design, StageKind
from releases.rollout.designs.design import Stage as DesignedStage
from scoring import routing


def counted(strategy: Mapping[str, Any], design: Design) -> dict[str, Any]:
    """The strategy as it is kept: of the units of a trial it says how many they are."""
    if not any(stage.units for stage in design.stages):
        return dict(strategy)
    stages = zip(strategy["stages"], design.stages, strict=True)
    told = [{**said, "units": stage.named} if stage.units else said for said, stage in stages]
    return {**strategy, "stages": told}


def keep(release: Release, design: Design) -> None:
    """Who they are, until the release is live or over."""
    NamedUnits.objects.bulk_create(
        NamedUnits(release=release, place=place, units=list(stage.units))
        for place, stage in enumerate(design.stages)
        if stage.units
    )


def hashed(rollout: Rollout, place: int) -> str:
    """As the plan has them, under the rollout's salt. Raises NotApproved where nobody knows any more."""
    kept = NamedUnits.objects.filter(release=rollout.release_id, place=place).first()
    if kept is None:
        raise NotApproved("Whom its trial names is not kept any more: open another release of the version.")
    return routing.named(kept.units, bytes.fromhex(rollout.salt))


def of_stage(rollout: Rollout, stage: DesignedStage, place: int) -> str:
    """The same of a stage that has begun; nothing where it is no trial."""
    if stage.kind is not StageKind.TRIAL:
        return ""
    return str(Stage.objects.values_list("named", flat=True).get(rollout=rollout, place=place))


def one_of(stage: Stage | None) -> list[str]:
    """Somebody whom the trial names, for a call from outside that is to be answered as theirs is."""
    if stage is None or stage.kind != Stage.Kind.TRIAL:
        return []
    kept = NamedUnits.objects.filter(release=stage.rollout.release_id, place=stage.place).first()
    return kept.units[:1] if kept else []
