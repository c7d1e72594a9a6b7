"""Versions and routes as scoring follows them: pure steps from one routing entry to the next.

Every step of a release is a function from the entry that stands to the one that follows it, so
what goes out is decided by values alone and can be replayed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import add, attrgetter
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from formats.documents import Hex
from formats.plan import (
    INTERVAL,
    ONCE_MORE,
    RENDEZVOUS,
    WHOLE,
    Arm,
    ArtifactRef,
    ModelPlan,
    PlannedRollout,
    PlannedVersion,
)
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


def once_more(version: PlannedVersion) -> PlannedVersion:
    """The version as it stands beside itself in an A/A run: clients are told that it is the same."""
    return replace(version, number=ONCE_MORE, again=version.number)


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
    rollout: PlannedRollout | None,
) -> ModelPlan:
    """The one constructor of a routing entry. Every step says all of it, so nothing of what stood leaks.

    arms      version, weight, reason; none: no client is answered.
    mirrors   versions that are asked what clients ask, unheard.
    hashing   `interval` or `rendezvous`.
    by_name   versions that answer whoever names them, besides those with traffic.
    loaded    every version that nodes hold; the rest of them is warm, and addressable by nobody.
    fallback  a loaded version that answers where a node has given up the one clients came for, or None.
    rollout   what nodes tell of units while versions are compared, or None.

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
        rollout=rollout,
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
        rollout=None,
    )


def alone(
    version: PlannedVersion,
    *,
    revision: int,
    salt: bytes,
    warm: Sequence[PlannedVersion],
    rollout: PlannedRollout | None = None,
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
        rollout=rollout,
    )


def shared_out(
    versions: Mapping[int, PlannedVersion],
    arms: Sequence[Arm],
    *,
    mirrors: Sequence[int],
    rollout: PlannedRollout,
    salt: bytes,
    hashing: str = INTERVAL,
) -> ModelPlan:
    """A stage of a rollout: units go to `arms` by their weights, `mirrors` are asked unheard, and the
    baseline answers where a node has given up a challenger.

    Arms without a weight are left out, where no unit comes to them by other ways: named for a trial, or
    because some play evenly.
    """
    by_other_ways = bool(rollout.even or rollout.trial)
    return routing(
        revision=0,
        salt=salt,
        arms=_laid((arm for arm in arms if arm.weight or by_other_ways), hashing),
        mirrors=mirrors,
        hashing=hashing,
        by_name=(),
        loaded=versions,
        fallback=rollout.baseline,
        rollout=rollout,
    )


def beside_itself(entry: ModelPlan, now: ModelPlan) -> ModelPlan:
    """An A/A run, with all that is loaded still there: the way back from it is as short as before."""
    warm = {n: replace(each, staged=True) for n, each in now.versions.items() if n not in entry.versions}
    fallback = entry.fallback if now.fallback is None else now.fallback
    return replace(entry, versions={**warm, **entry.versions}, fallback=fallback)


def won(now: ModelPlan, version: PlannedVersion, baseline: int, *, salt: bytes) -> ModelPlan:
    """One of a rollout's versions has won: all traffic comes to it, and of the others the one that was live
    stays loaded for an instant return."""
    return alone(version, revision=0, salt=salt, warm=[now.versions[baseline]])


def taken_out(now: ModelPlan, versions: Collection[int], baseline: int, *, revision: int) -> ModelPlan:
    """Those challengers of a rollout answer nobody any more and need not stay loaded: what was theirs is the
    baseline's, and nobody else is moved."""
    arms = [
        replace(arm, version=baseline, reason="champion") if arm.version in versions else arm
        for arm in now.arms
    ]
    return replace(
        now,
        revision=revision,
        arms=_laid(arms, now.hashing),
        mirrors=tuple(number for number in now.mirrors if number not in versions),
        versions={number: version for number, version in now.versions.items() if number not in versions},
    )


def _laid(arms: Iterable[Arm], hashing: str) -> tuple[Arm, ...]:
    """Stretches of one version that lie beside each other are one; where arms have draws and no stretches all
    of a version's are."""
    laid: list[Arm] = []
    for arm in arms:
        known = laid if hashing == RENDEZVOUS else laid[-1:]
        same = next((each for each in known if each.version == arm.version), None)
        if same is None:
            laid.append(arm)
        else:
            parts = tuple(map(add, same.contexts, arm.contexts))
            laid[laid.index(same)] = replace(same, weight=same.weight + arm.weight, contexts=parts)
    return tuple(laid)


def opened_to_all(
    before: ModelPlan | None, version: PlannedVersion, *, salt: bytes, rollout: PlannedRollout | None = None
) -> ModelPlan:
    """Where a release goes all at once: all traffic goes to `version`; what answers before stays loaded for
    an instant return. With a `rollout` nodes go on telling of units.

    The one that answered most of it answers again at once on a node that has to give `version` up.
    """
    until_now = sorted(before.arms, key=attrgetter("weight"), reverse=True) if before else []
    warm = [before.versions[arm.version] for arm in until_now if before and arm.version != version.number]
    return alone(version, revision=0, salt=salt, warm=warm, rollout=rollout)


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


def sampled(now: ModelPlan, sample: int, *, revision: int) -> ModelPlan:
    """Nodes tell of fewer units from now on; nothing else changes."""
    told = now.rollout and replace(now.rollout, sample=sample)
    return replace(now, revision=revision, rollout=told)


def unwatched(now: ModelPlan, *, revision: int) -> ModelPlan:
    """Nodes tell of units no more; nothing else changes."""
    return replace(now, revision=revision, rollout=None)


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
        rollout=now.rollout,
    )


def _by_name(entry: ModelPlan) -> set[int]:
    return {number for number, version in entry.versions.items() if not version.staged}


def shares(entry: ModelPlan) -> dict[int, float]:
    """Version number to its share of units, 0 to 1."""
    return {number: weight / WHOLE for number, weight in entry.weights().items()}


def weights(arms: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    """Version number to its weight, of the arms of an entry in JSON: the baseline of a rollout that has taken
    a version out may have several stretches."""
    given: dict[int, int] = {}
    for arm in arms:
        given[arm["version"]] = given.get(arm["version"], 0) + int(arm["weight"])
    return given
