"""Who was answered by what while a routing entry stood, and who was only asked unseen. Pure."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from formats.plan import PARTS, WHOLE
from releases.plans import weights

_HASH_BYTES = 8
"""A unit's place has 64 bits."""


@dataclass(frozen=True, slots=True)
class Answering:
    """One version, and the share of units that it answered. Where what was asked decided, it is that of a
    context in the mean, and `least` and `most` are its shares of single ones."""

    version: int
    share: float
    reason: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Whom:
    """An entry as people ask about it.

    versions  those that answered, the greatest share first
    unseen    versions that were asked too, unheard, with the share of units whose requests they were asked
    named     how many units a trial names, and the version that answered these and nobody else
    even      share of units for whom all versions played alike, which is part of the shares
    asked     names of the features of a request that decided who answered it
    """

    versions: tuple[Answering, ...] = ()
    unseen: tuple[tuple[int, float], ...] = ()
    named: int = 0
    tried: int | None = None
    even: float = 0.0
    asked: tuple[str, ...] = ()


def whom(entry: Mapping[str, Any]) -> Whom:
    """Of an entry as its row has it, of whatever release."""
    arms, rollout = entry.get("arms") or [], entry.get("rollout") or {}
    trial, pair = rollout.get("trial") or "", float(rollout.get("pair") or 0.0)
    even = 0.0 if trial else float(rollout.get("even") or 0.0)
    arms = [{**arm, "version": _itself(entry, arm["version"])} for arm in arms]
    given, reasons = weights(arms), {arm["version"]: str(arm.get("reason", "")) for arm in arms}
    shares = [
        Answering(version, (1 - even) * weight / WHOLE + even / len(given), reasons[version])
        for version, weight in given.items()
    ]
    parts = {arm["version"]: arm["contexts"] for arm in arms if arm.get("contexts")}
    if parts:
        shares = [_by_asked(each, parts[each.version], even, len(given)) for each in shares]
    looked = tuple(str(each["name"]) for each in rollout.get("features") or ()) if parts else ()
    answering = sorted((each for each in shares if each.share), key=lambda each: -each.share)
    asked = dict.fromkeys(_itself(entry, version) for version in entry.get("mirrors") or () if pair)
    mirrors = tuple((version, pair) for version in asked)
    if not trial:
        return Whom(tuple(answering), mirrors, even=even, asked=looked)
    tried = int(rollout["challengers"][0])
    return Whom(tuple(answering), mirrors, len(a2b_base64(trial)) // _HASH_BYTES, tried)


def _itself(entry: Mapping[str, Any], number: Any) -> int:
    """In an A/A run a version stands beside itself: it is that one."""
    return int((entry.get("versions") or {}).get(str(number), {}).get("again") or number)


def _by_asked(of: Answering, parts: Sequence[int], even: float, versions: int) -> Answering:
    """Its share where its part followed from what was asked."""
    mean, least, most = (
        (1 - even) * part / PARTS + even / versions
        for part in (sum(parts) / len(parts), min(parts), max(parts))
    )
    return replace(of, share=mean, least=least, most=most)
