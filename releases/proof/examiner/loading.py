"""A set from its file, by the reader that judged it at upload."""

from __future__ import annotations

from formats import sets
from formats.sets import SetName, TestSet
from releases.proof.examiner.findings import BadSet
from releases.proof.examiner.spec import Spec


def load(spec: Spec, which: SetName) -> TestSet:
    """The set, checked against the signature; large arrays stay on the disk. Raises BadSet."""
    path = spec.sets.get(which)
    if path is None:
        raise BadSet(f"there is no {which} set")
    try:
        return sets.open_set(path, which, spec.signature, rows=spec.rows).load(spec.scratch)
    except sets.BadSet as bad:
        raise BadSet(bad.message) from bad
