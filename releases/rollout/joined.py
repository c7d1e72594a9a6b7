"""A rollout once another version has joined it: its design and where it stands then. Pure.

What the others have stays theirs: the newcomer stands last before the live version and has units of that one
alone. A bandit shares out anew, by a hash that moves nobody but those who come to the newcomer. Nothing was
counted of it, so it starts at its own prior, and evidence by earlier weights says nothing of it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from registry.errors import BadInput
from releases.rollout.designs.design import Design, Kind, Mode, Shares, Stage, StageKind, moved_back, weights
from releases.rollout.documents import play
from releases.rollout.documents.document import MOST_VERSIONS
from releases.rollout.strategies.base import Standing

SEVERAL = frozenset({Kind.SHADOW, Kind.AB_TEST, Kind.BANDIT})
"""What several versions may take part in."""
_LEAST = 0.001
"""A thousandth of the units: of fewer nothing would be known within a rollout of weeks."""


def joined(
    design: Design, standing: Standing, arm: str, *, share: float | None, asks: bool, now: float
) -> tuple[Design, Standing]:
    """share  of the units, where shares are fixed: half of what the live version has, unless it is said
    asks      its policy wants a person to be asked, and so the whole rollout does

    Raises BadInput for a version or a share that cannot be.
    """
    _check_version(design, standing, arm)
    if share is not None and not _is_split(design, standing):
        raise BadInput(
            "Shares are not fixed in what is left of this rollout: leave share out.", field="share"
        )
    stages = tuple(
        _with(design, standing, stage, arm, share) if place >= standing.stage else stage
        for place, stage in enumerate(design.stages)
    )
    made = replace(
        design,
        challengers=(*design.challengers, arm),
        stages=stages,
        mode=Mode.PROPOSE if asks else design.mode,
    )
    _check_moves(made, standing)
    if design.kind is Kind.BANDIT and (
        why := play.misfit(design.play, len(made.arms) - len(standing.removed))
    ):
        raise BadInput(f"It does not fit in: {why[1]}")
    if not standing.shares:
        return made, standing
    return made, replace(standing, shares=_room(standing.shares, arm, standing), shared_at=now)


def _check_version(design: Design, standing: Standing, arm: str) -> None:
    if arm in standing.removed:
        raise BadInput(f"Version {arm} was in this rollout and was taken out of it.")
    if arm in design.arms:
        raise BadInput(f"Version {arm} is in this rollout already.")
    if len(design.challengers) >= MOST_VERSIONS:
        raise BadInput(f"At most {MOST_VERSIONS} versions are tried beside the live one.")
    if design.play.features:
        raise BadInput("A bandit that looks at what is asked takes no more versions once it is under way.")
    if any(stage.kind is StageKind.TRIAL for stage in design.stages[standing.stage :]):
        raise BadInput("A trial of this rollout serves one version to those it names: nobody joins it.")


def _is_split(design: Design, standing: Standing) -> bool:
    return any(stage.kind is StageKind.SPLIT for stage in design.stages[standing.stage :])


def _with(design: Design, standing: Standing, stage: Stage, arm: str, share: float | None) -> Stage:
    """The stage with the newcomer in it; in a shadow it is asked like the others."""
    if stage.kind is StageKind.BANDIT:
        return replace(stage, shares=_room(stage.shares, arm, standing))
    if stage.kind is not StageKind.SPLIT:
        return stage
    rest = 1 - sum(each for _, each in stage.shares)
    given = rest / 2 if share is None else share
    if not _LEAST <= given < rest:  # what is no number is not
        raise BadInput(
            f"The live version has {rest:.4g} of the units to give in a stage, and keeps some to be compared"
            f" with: write a share from {_LEAST} to less than that.",
            field="share",
        )
    return replace(stage, shares=(*stage.shares, (arm, given)))


def _room(shares: Shares, arm: str, standing: Standing) -> Shares:
    """As large a share as each version would have of equal ones; the others keep theirs to one another."""
    playing = sum(1 for each, _ in shares if each not in standing.removed) + 1
    given = 1 / (playing + 1)
    return (*((each, share * (1 - given)) for each, share in shares), (arm, given))


def _check_moves(design: Design, standing: Standing) -> None:
    """From the present stage on nobody is taken from a version that answered them."""
    split = [stage for stage in design.stages[standing.stage :] if stage.kind is StageKind.SPLIT]
    for one, other in pairwise(split):
        if moved_back(weights(one.shares, design.arms), weights(other.shares, design.arms)) > 0:
            raise BadInput(
                "A later stage gives more units to a version that stands before it, and would take the"
                " newcomer's: it can join in the last stage."
            )
