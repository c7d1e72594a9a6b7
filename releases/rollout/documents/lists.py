"""Lists of stages that a model's policy keeps under a name: a strategy names one and writes no stages."""

from __future__ import annotations

from collections.abc import Mapping

from registry import strict
from registry.errors import BadInput
from registry.model_policy import ModelPolicy, StageList
from releases.rollout.designs.design import OFFERED, Design, Kind, StageKind
from releases.rollout.documents import document

NEW, LIVE = "new", "live"
"""Stand for whichever version comes, and for the one that will be live then, which nobody knows before."""
_ORDER = ("kind", "share", "pair", "min", "max", "ends", "metrics")
_STAGED = tuple(str(kind) for kind in OFFERED if kind is not Kind.SINGLE)
_STAGES_SAY = ("stages", "shadow", "pair", "shares", "holdback")
"""What a strategy says of its stages, where no list does."""
_PEOPLE = (
    "A trial names people, and a policy is kept for ever: leave the trial out, and write the stages in the"
    " strategy of a release that begins with one."
)


def spelled_out(strategy: Mapping[str, object], policy: ModelPolicy) -> dict[str, object]:
    """The strategy with the stages of the list that it names: its own copy, whatever becomes of the list.

    Raises BadInput naming the member.
    """
    if "list" not in strategy:
        return dict(strategy)
    name = strategy["list"]
    found = policy.lists.get(name) if isinstance(name, str) else None
    if found is None:
        raise BadInput(_unknown(name, policy), field="strategy.list")
    for member in _STAGES_SAY:
        if member in strategy:
            raise BadInput(
                f"The list {name} says what the stages are: leave {member} out, or the list.",
                field=f"strategy.{member}",
            )
    if strategy.get("kind", found.kind) != found.kind:
        raise BadInput(
            f"The list {name} is one of kind {found.kind}: write that, or leave kind out.",
            field="strategy.kind",
        )
    if strategy.get("against") and any("share" in stage for stage in found.stages):
        raise BadInput(
            f"The list {name} gives a share to one version: leave against out, or write stages with shares.",
            field="strategy.against",
        )
    return {"kind": found.kind, **strategy, "stages": [dict(stage) for stage in found.stages]}


def _unknown(name: object, policy: ModelPolicy) -> str:
    if not policy.lists:
        return f"The model's policy has no list {name!r}, nor any other: write stages, or a kind alone."
    return f"The model's policy has no list {name!r}: {strict.near(name, sorted(policy.lists))}"


def in_order(stage: Mapping[str, object]) -> dict[str, object]:
    """The stage as people write one: databases keep no order of members."""
    return {name: stage[name] for name in _ORDER if name in stage}


def check(policy: ModelPolicy) -> None:
    """Refuse a policy with a list that no rollout could go by. Raises BadInput naming the field."""
    for name in policy.lists:
        design_of(name, policy)


def design_of(name: str, policy: ModelPolicy, challenger: str = NEW, baseline: str = LIVE) -> Design:
    """How a rollout by this list would go. Raises BadInput naming the field."""
    found, at = policy.lists[name], f"policy.lists.{name}"
    _check_of_any_version(found, at)
    return document.parse(
        found.to_json(), challenger=challenger, baseline=baseline, catalogue=policy.metrics, at=at
    )


def _check_of_any_version(found: StageList, at: str) -> None:
    if found.kind not in _STAGED:
        raise BadInput(f"Write one of {', '.join(_STAGED)}.", field=f"{at}.kind")
    for place, stage in enumerate(found.stages):
        if stage.get("kind") == StageKind.TRIAL:
            raise BadInput(_PEOPLE, field=f"{at}.stages[{place}].kind")
        if "shares" in stage:
            raise BadInput(
                "A list is for whichever version comes: write share.", field=f"{at}.stages[{place}].shares"
            )
