"""Which tables stand for two versions' answers, and where they lie for reading.

The gate run of a proof names its tables by digest. Where the head was proven beside the base, the
base's answers on the very same rows were kept with it; else each version has its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from formats.tables import BadTable, Table
from registry.models import ModelVersion
from registry.storage import materialise
from registry.storage.errors import DamagedArtifact
from registry.stores import artifact_store
from releases import selectors
from releases.comparing.rows import Cursor, Only, Order, Page, Pair, matched, page

MOST_LENT_BYTES = 8 << 30
"""A cache on the web process's disk; tables come from the store again: chosen, not measured."""
UNREADABLE = "The kept answers cannot be read."

Evidence = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """The pair, or in one sentence why there is none; and in one sentence how rows were matched."""

    pair: Pair | None
    why_not: str = ""
    how: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """Some of the rows that differ; `page` is None where `why_not` says why there are none to show."""

    page: Page | None
    how: str
    why_not: str


def tell(
    base: ModelVersion,
    head: ModelVersion,
    *,
    release: int | None = None,
    only: Only = Only.CHANGED,
    order: Order = Order.LARGEST,
    at: Cursor | None = None,
    most: int,
) -> Told:
    """A page of the rows on which two versions answer differently."""
    found = pair(base, head, release)
    if found.pair is None:
        return Told(None, found.how, found.why_not)
    try:
        return Told(page(found.pair, only, order, at=at, most=most), found.how, "")
    except (ValueError, KeyError, IndexError):
        return Told(None, "", UNREADABLE)


def pair(base: ModelVersion, head: ModelVersion, release: int | None = None) -> Found:
    """The answers of two versions; `release` names the head's proof that is meant, else it is the newest."""
    if base.pk == head.pk:
        return Found(None, "These are the same version: it answers as itself.")
    proofs = selectors.kept_answers([base, head])
    ours = [found for of, found in proofs[head.pk] if release in (None, of)]
    theirs = [found for _, found in proofs[base.pk]]
    try:
        return _pair(base, head, ours, theirs)
    except (DamagedArtifact, FileNotFoundError):
        return Found(None, "The kept answers are no longer in the store as they were kept.")
    except (ValueError, KeyError):
        return Found(None, UNREADABLE)


def _pair(
    base: ModelVersion, head: ModelVersion, ours: Sequence[Evidence], theirs: Sequence[Evidence]
) -> Found:
    for found in ours:
        if _beside(found, base):
            told = _table(found["rows"]), _table(found["answers"]), _table(found["champion"])
            return Found(
                _alike(*told), how=f"Both were asked the same rows when version {head.number} was proven."
            )
    for found in theirs:
        if _beside(found, head):
            told = _table(found["rows"]), _table(found["champion"]), _table(found["answers"])
            return Found(
                _alike(*told), how=f"Both were asked the same rows when version {base.number} was proven."
            )
    for version, proofs in ((head, ours), (base, theirs)):
        if not proofs:
            return Found(None, _nothing(version))
    return _apart(base, head, ours[0], theirs[0])


def _apart(base: ModelVersion, head: ModelVersion, ours: Evidence, theirs: Evidence) -> Found:
    """Two proofs that did not know each other."""
    answers = _table(ours["answers"]), _table(theirs["answers"])
    rows = _table(ours["rows"])
    if head.confidence_set.artifact_id == base.confidence_set.artifact_id:
        how = "The two proofs asked the same confidence set, so rows are matched by their number."
        return Found(_alike(rows, *answers), how=how)
    found = matched(rows, _table(theirs["rows"]), *answers)
    how = (
        f"The confidence sets differ: {len(found):,} of {rows.rows:,} rows of version {head.number} stand in"
        f" that of version {base.number} too, with its inputs and truth; no others are compared."
    )
    return Found(found, how=how) if len(found) else Found(None, "The confidence sets have no row in common.")


def _alike(rows: Table, head: Table, base: Table) -> Pair:
    if not rows.rows == head.rows == base.rows:
        raise BadTable("the tables have not the same rows")
    return Pair(rows, head, base)


def _beside(found: Evidence, other: ModelVersion) -> bool:
    champion = found.get("champion") or {}
    return bool(champion.get("version") == other.number)


def _nothing(version: ModelVersion) -> str:
    return (
        f"No answers of version {version.number} are kept row by row: it was not proven yet, or before"
        " answers were kept, or they may not be shown. A new release of it, where it is"
        " not live, proves it again and keeps them."
    )


def _table(ref: Mapping[str, Any]) -> Table:
    """The table of that digest, out of the store and checked once, then from this machine's own disk."""
    digest = str(ref["sha256"])
    folder = settings.DATA_DIR / "tables"
    path = folder / digest
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _make_room(folder, int(ref["size"]))
        materialise(artifact_store(), digest, path)
    return Table(path)


def _make_room(folder: Path, size: int) -> None:
    """Let go of what was brought here longest ago; who reads it just now keeps it mapped."""
    held = sorted((path.stat().st_mtime, path) for path in folder.iterdir())
    total = size + sum(path.stat().st_size for _, path in held)
    for _, path in held:
        if total <= MOST_LENT_BYTES:
            return
        total -= path.stat().st_size
        path.unlink(missing_ok=True)
