"""Versions and routes as scoring follows them: pure steps from one routing entry to the next.

Every step of a release is a function from the entry that stands to the one that follows it, so
what goes out is decided by values alone and can be replayed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from formats.documents import Hex
from formats.plan import INTERVAL, WHOLE, Arm, ArtifactRef, ModelPlan, PlannedVersion
from formats.serving import Serving
from formats.types import HASHED, OMITTED, Signature
from registry.manifest.stored import StoredSignature

if TYPE_CHECKING:
    from registry.manifest.stored import StoredManifest, StoredSpec, StoredTensor


def planned_version(
    *,
    number: int,
    digest: str,
    files: Mapping[str, ArtifactRef],
    signature: Mapping[str, object],
    rows: str,
    batchable: bool,
    serving: Serving,
    answers: ArtifactRef | None,
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
        batchable=batchable,
        serving=serving,
        answers=answers,
        weights=weights or {},
    )


def with_sensitivity(
    signature: Mapping[str, Sequence[StoredSpec]], manifest: StoredManifest
) -> dict[str, list[dict[str, object]]]:
    """A stored signature with what the manifest says about sensitive tensors, for the prediction log."""
    signed = manifest.get("signature") or StoredSignature()
    told = {"inputs": signed.get("inputs") or {}, "outputs": signed.get("outputs") or {}}
    return {
        side: [{**spec, "sensitive": _sensitivity(told[side].get(spec["name"]))} for spec in specs]
        for side, specs in signature.items()
    }


def _sensitivity(facts: StoredTensor | None) -> str:
    word = facts.get("sensitive", False) if facts else False
    return HASHED if word == HASHED else OMITTED if word else ""


def routing(
    *,
    revision: int,
    salt: bytes,
    arms: Sequence[Arm],
    mirrors: Sequence[int],
    hashing: str,
    by_name: Collection[int],
    loaded: Mapping[int, PlannedVersion],
    fallback: int | None,
) -> ModelPlan:
    """The one constructor of a routing entry. Every step says all of it, so nothing of what stood leaks.

    arms      version, weight, reason; none: no client is answered.
    mirrors   versions that are asked what clients ask, unheard.
    hashing   `interval` or `rendezvous`.
    by_name   versions that answer whoever names them, besides those with traffic.
    loaded    every version that nodes hold; the rest of them is warm, and addressable by nobody.
    fallback  a loaded version that answers where a node has given up the one clients came for, or None.

    Raises BadPlan where these contradict each other.
    """
    addressable = {arm.version for arm in arms} | set(mirrors) | set(by_name)
    return ModelPlan(
        revision=revision,
        salt=Hex(salt),
        arms=tuple(arms),
        versions={n: replace(version, staged=n not in addressable) for n, version in loaded.items()},
        mirrors=tuple(mirrors),
        hashing=hashing,
        fallback=fallback,
    )


def nothing(*, revision: int, salt: bytes) -> ModelPlan:
    """Nobody is answered and nothing is loaded."""
    return routing(
        revision=revision,
        salt=salt,
        arms=(),
        mirrors=(),
        hashing=INTERVAL,
        by_name=(),
        loaded={},
        fallback=None,
    )


def alone(
    version: PlannedVersion, *, revision: int, salt: bytes, warm: Sequence[PlannedVersion]
) -> ModelPlan:
    """All traffic goes to `version`. `warm` stay loaded, the first of them as the fallback."""
    return routing(
        revision=revision,
        salt=salt,
        arms=(Arm(version.number, WHOLE, "champion"),),
        mirrors=(),
        hashing=INTERVAL,
        by_name=(),
        loaded={each.number: each for each in (version, *warm)},
        fallback=warm[0].number if warm else None,
    )


def opened_to_all(before: ModelPlan | None, version: PlannedVersion, *, salt: bytes) -> ModelPlan:
    """Where a release goes all at once: all traffic goes to `version`; what answers before stays loaded for
    an instant return.

    The one that answered most of it answers again at once on a node that has to give `version` up.
    """
    until_now = sorted(before.arms, key=attrgetter("weight"), reverse=True) if before else []
    warm = [before.versions[arm.version] for arm in until_now if before and arm.version != version.number]
    return alone(version, revision=0, salt=salt, warm=warm)


def prepared(now: ModelPlan | None, aim: ModelPlan, *, revision: int) -> ModelPlan:
    """Clients notice nothing: what `aim` names is loaded and checked everywhere, and addressable by nobody.

    A version that has traffic already keeps it.
    """
    now = now or nothing(revision=revision, salt=aim.salt)
    return _beside(now, aim, _by_name(now) - aim.versions.keys(), revision)


def committed_closed(now: ModelPlan, aim: ModelPlan, *, revision: int) -> ModelPlan:
    """What `aim` opens answers by name, to whom the scope `score-version` is given, and no client yet."""
    return _beside(now, aim, _by_name(now) | _by_name(aim), revision)


def opened(aim: ModelPlan, *, revision: int) -> ModelPlan:
    """Clients are answered as `aim` says."""
    return replace(aim, revision=revision)


def arriving(before: ModelPlan | None, aim: ModelPlan) -> list[PlannedVersion]:
    """What `aim` opens and nobody was answered by before: what is to be verified on the way."""
    known = _by_name(before) if before else set()
    return [aim.versions[number] for number in sorted(_by_name(aim) - known)]


def reverted(before: ModelPlan | None, now: ModelPlan | None, *, revision: int) -> ModelPlan:
    """What answered before a switch answers again, under the next revision; nothing, if nothing did."""
    standing = before or nothing(revision=revision, salt=now.salt if now else bytes(16))
    return replace(standing, revision=revision)


def returned_to(version: PlannedVersion, now: ModelPlan, *, revision: int) -> ModelPlan:
    """A rollback: all traffic goes to an earlier version and nothing else stays loaded."""
    return alone(version, revision=revision, salt=now.salt, warm=())


def taken_offline(now: ModelPlan, *, revision: int) -> ModelPlan:
    """A retired model answers nobody."""
    return nothing(revision=revision, salt=now.salt)


def _beside(now: ModelPlan, aim: ModelPlan, by_name: Collection[int], revision: int) -> ModelPlan:
    """What stands, with all loaded that `aim` names."""
    return routing(
        revision=revision,
        salt=now.salt,
        arms=now.arms,
        mirrors=now.mirrors,
        hashing=now.hashing,
        by_name=by_name,
        loaded={**now.versions, **aim.versions},
        fallback=now.fallback,
    )


def _by_name(entry: ModelPlan) -> set[int]:
    return {number for number, version in entry.versions.items() if not version.staged}


def shares(entry: ModelPlan) -> dict[int, float]:
    """Version number to its share of units, 0 to 1."""
    return {arm.version: arm.weight / WHOLE for arm in entry.arms}
