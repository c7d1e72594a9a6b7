"""Which version is right more often, from labels of answers that differ: the others say nothing.

Which disagreement comes next is chance, never how sure a version was of itself: sorting by that would
show one version where it is strong, and the verdict would be one on the order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from releases.rollout.counts import Discordant
from releases.rollout.evidence import paired, proportion
from releases.rollout.evidence.mixture import threshold


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A request to which two versions gave different answers."""

    request: str
    unit: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What an expert sees: which of the two answers stands first says nothing of whose it is."""

    request: str
    new_first: bool


@dataclass(frozen=True, slots=True)
class Accuracy:
    """log_better, log_worse   log evidence that the new version is right more often, less often.
    threshold   where each of them is a verdict; each is wrong with a chance of alpha at most.
    low, high   of the labels that decide, the share in which the new version is right.
    """

    log_better: float
    log_worse: float
    threshold: float
    low: float
    high: float


def offers(found: Iterable[Disagreement], salt: bytes, labelled: Iterable[str] = ()) -> list[Offer]:
    """One disagreement of every unit that has none labelled yet, in the order of the units' draws.

    salt      the rollout's: so anybody can check the order, and nobody chooses it
    labelled  units
    """
    first: dict[str, tuple[bytes, str]] = {}
    seen = set(labelled)
    for each in found:
        if each.unit not in seen:
            drawn = (_draw(salt, each.request), each.request)
            first[each.unit] = min(drawn, first.get(each.unit, drawn))
    order = sorted(first, key=lambda unit: (_draw(salt, unit), unit))
    return [Offer(request, bool(draw[-1] & 1)) for draw, request in (first[unit] for unit in order)]


def accuracy(labels: Discordant, alpha: float) -> Accuracy:
    """The verdict so far, which may be looked at after every label.

    labels   disagreements in which just one of the versions was right; where none or both were (as with
             several good answers) nothing is decided. Sequential McNemar, as `paired` has it.
    """
    new_right, old_right = labels.only_old, labels.only_new
    return Accuracy(
        float(paired.log_worse(new_right, old_right)),
        float(paired.log_worse(old_right, new_right)),
        threshold(alpha),
        *proportion.interval(new_right, new_right + old_right, alpha),
    )


def _draw(salt: bytes, text: str) -> bytes:
    return blake2b(text.encode(), key=salt, digest_size=16).digest()
