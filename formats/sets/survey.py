"""One pass over all values of a set: what none of its readers could take is refused, gaps are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from formats.dtypes import DTYPES, Array
from formats.sets.errors import BadSet
from formats.sets.members import Member, Source
from formats.sets.naming import INPUTS, TOLERANCES, WEIGHT, Named
from formats.types import TensorSpec

_SURROGATES = (0xD800, 0xDFFF)
_LAST_CODE_POINT = 0x10FFFF
"""Unicode's last one: numpy holds four bytes a letter, and takes any."""


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a set: its row, and its place on the last axis (None: the row is one value)."""

    row: int
    feature: int | None = None

    def words(self, spec: TensorSpec) -> str:
        return spec.where(self.row, self.feature)


@dataclass(frozen=True, slots=True)
class Gaps:
    """Where an input holds NaN and where an infinity, one place of each; None where it holds none."""

    missing: Place | None = None
    infinite: Place | None = None


def survey(source: Source, found: Named, specs: tuple[TensorSpec, ...]) -> dict[str, Gaps]:
    """The inputs' gaps by name. Raises BadSet where bytes, texts or whole numbers are not as they must be."""
    gaps: dict[str, Gaps] = {}
    for name in found.names():
        spec = next((spec for spec in specs if name == f"{INPUTS}{spec.name}"), None)
        for row, member in found.entries(name):
            seen = _seen(source, member, row, spec)
            if spec is not None:
                before = gaps.get(spec.name, Gaps())
                gaps[spec.name] = Gaps(before.missing or seen.missing, before.infinite or seen.infinite)
    for member in found.tolerances.values():
        for _ in source.elements(member.name):
            pass
    return gaps


def _seen(source: Source, member: Member, row: int | None, spec: TensorSpec | None) -> Gaps:
    missing = infinite = None
    start = 0
    for part in source.elements(member.name):
        if member.is_text:
            _refuse_no_text(part, member.name)
        elif spec is not None:
            sent = _as_sent(part, spec, member.name)
            if sent.dtype.kind == "f" and not np.isfinite(sent).all():
                missing = missing or _first(np.isnan(sent), start, member, row)
                infinite = infinite or _first(np.isinf(sent), start, member, row)
        start += len(part)
    return Gaps(missing, infinite)


def _as_sent(part: Array, spec: TensorSpec, name: str) -> Array:
    """The values with the input's datatype. Raises BadSet where one is too large for it."""
    wanted = DTYPES[spec.datatype]
    if wanted == part.dtype or wanted.kind not in "iuf" or not len(part):
        return part
    with np.errstate(over="ignore", invalid="ignore"):
        made = part.astype(wanted)
        wrong = np.isinf(made) & ~np.isinf(part) if wanted.kind == "f" else made != part
    if wrong.any():
        raise BadSet(f"{name} holds {part[wrong][0]}, which is no {spec.datatype}.")
    return made


def _first(flags: Array, start: int, member: Member, row: int | None) -> Place | None:
    if not flags.any():
        return None
    order: Literal["C", "F"] = "F" if member.fortran else "C"
    place = np.unravel_index(start + int(flags.argmax()), member.shape or (1,), order=order)
    own = place if member.shape else ()
    if row is None:
        row, own = int(place[0]), own[1:]
    return Place(row, int(own[-1]) if own else None)


def _refuse_no_text(part: Array, name: str) -> None:
    codes = np.ascontiguousarray(part).view(np.uint32)
    low, high = _SURROGATES
    if (codes > _LAST_CODE_POINT).any() or ((codes >= low) & (codes <= high)).any():
        raise BadSet(f"{name} holds a text that is no Unicode: encode it as UTF-8 to see which.")


def tolerances(source: Source, found: Named) -> dict[str, float]:
    """atol and rtol as far as they are given. Raises BadSet for what is no tolerance."""
    given = {}
    for name in TOLERANCES:
        if name not in found.tolerances:
            continue
        member = found.tolerances[name]
        value = source.read(name).reshape(-1) if member.size == 1 and member.dtype.kind in "iuf" else None
        if value is None or not np.isfinite(value[0]) or value[0] < 0:
            raise BadSet(f"{name} must be one finite number of at least 0.")
        given[name] = float(value[0])
    return given


def refuse_weights(source: Source, found: Named) -> None:
    """Raise BadSet unless rows weigh something, and none of them less than nothing."""
    heaviest = 0.0
    for part in _parts(source, found, WEIGHT):
        weights = part.astype(np.float64)
        if not np.isfinite(weights).all() or (weights < 0).any():
            raise BadSet("weight must hold finite numbers that are not negative.")
        heaviest = max(heaviest, float(weights.max(initial=0.0)))
    if WEIGHT in found.names() and not heaviest:
        raise BadSet("All weights are zero: no row would count.")


def _parts(source: Source, found: Named, name: str) -> Iterator[Array]:
    for _, member in found.entries(name):
        yield from source.elements(member.name)
