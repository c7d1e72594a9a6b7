"""Versions and routes as scoring follows them: pure steps from one routing entry to the next.

Every step of a release is a function from the entry that stands to the one that follows it, so
what goes out is decided by values alone and can be replayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any

from formats.types import HASHED, OMITTED, Signature
from scoring.plans import ArtifactRef, ModelPlan, PlannedVersion
from scoring.routing import WHOLE, Arm


def planned_version(
    *,
    number: int,
    digest: str,
    files: Mapping[str, ArtifactRef],
    signature: Mapping[str, Any],
    rows: str,
    batching: bool,
    answers: ArtifactRef | None,
    cache_bytes: int = 0,
    log_share: float = 0.0,
    prepack: bool = True,
    weights: Mapping[str, ArtifactRef] | None = None,
) -> PlannedVersion:
    """A version as nodes load it. `files` maps the manifest's keys; model and extractor travel, and what
    lies beside them: `weights`, by place."""
    return PlannedVersion(
        number=number,
        digest=digest,
        model=files["model"],
        extractor=files.get("extractor"),
        signature=Signature.from_json(signature),
        rows=rows,
        batching=batching,
        answers=answers,
        cache_bytes=cache_bytes,
        log_share=log_share,
        prepack=prepack,
        weights=weights or {},
    )


def with_sensitivity(signature: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A stored signature with what the manifest says about sensitive tensors, for the prediction log."""
    told = manifest.get("signature") or {}
    return {
        side: [{**spec, "sensitive": _sensitivity(told.get(side) or {}, spec["name"])} for spec in specs]
        for side, specs in signature.items()
    }


def _sensitivity(facts: Mapping[str, Any], name: str) -> str:
    word = (facts.get(name) or {}).get("sensitive", False)
    return HASHED if word == HASHED else OMITTED if word else ""


def prepared(before: ModelPlan | None, version: PlannedVersion, *, revision: int, salt: bytes) -> ModelPlan:
    """Clients notice nothing: the new version is loaded and checked everywhere, addressable by nobody."""
    staged = replace(version, staged=True)
    if before is None:
        return ModelPlan(revision=revision, salt=salt, arms=(), versions={version.number: staged})
    return replace(before, revision=revision, versions={**before.versions, version.number: staged})


def committed_closed(before: ModelPlan, number: int, *, revision: int) -> ModelPlan:
    """The new version answers by name, to whom the scope `score-version` is given, and no client."""
    opened = replace(before.versions[number], staged=False)
    return replace(before, revision=revision, versions={**before.versions, number: opened})


def opened_to_all(before: ModelPlan, number: int, *, revision: int) -> ModelPlan:
    """All traffic goes to `number`; what answered until now stays loaded for an instant return.

    The one that answered most of it answers again at once on a node that has to give `number` up.
    """
    until_now = [arm for arm in before.arms if arm.version != number]
    warm = {arm.version: replace(before.versions[arm.version], staged=True) for arm in until_now}
    return replace(
        before,
        revision=revision,
        arms=(Arm(number, WHOLE, "champion"),),
        versions={number: replace(before.versions[number], staged=False), **warm},
        fallback=max(until_now, key=attrgetter("weight")).version if until_now else None,
    )


def reverted(before: ModelPlan | None, now: ModelPlan, *, revision: int) -> ModelPlan:
    """What answered before a rollout answers again, under the next revision; nothing, if nothing did."""
    if before is None:
        return replace(now, revision=revision, arms=(), versions={}, fallback=None)
    return replace(before, revision=revision)


def returned_to(version: PlannedVersion, now: ModelPlan, *, revision: int) -> ModelPlan:
    """A rollback: all traffic goes to an earlier version and nothing else stays loaded."""
    return replace(
        now,
        revision=revision,
        arms=(Arm(version.number, WHOLE, "champion"),),
        versions={version.number: replace(version, staged=False)},
        fallback=None,
    )


def taken_offline(now: ModelPlan, *, revision: int) -> ModelPlan:
    """A retired model answers nobody."""
    return replace(now, revision=revision, arms=(), versions={}, mirrors=(), fallback=None)


def shares(entry: ModelPlan) -> dict[int, float]:
    """Version number to its share of units, 0 to 1."""
    return {arm.version: arm.weight / WHOLE for arm in entry.arms}
