"""A set from its file, whatever its format."""

from __future__ import annotations

from releases.examiner import lines, npz, sets
from releases.examiner.findings import BadSet
from releases.examiner.sets import ExaminedSet
from releases.examiner.spec import Spec


def load(spec: Spec, name: str) -> ExaminedSet:
    """The set called `name`, checked against the signature. Raises BadSet."""
    path = spec.sets.get(name)
    if path is None:
        raise BadSet(f"there is no {name} set")
    with path.open("rb") as stream:
        zipped = stream.read(2) == b"PK"
    if zipped:
        found = npz.read(path, spec.signature, spec.rows, spec.scratch)
    else:
        found = lines.read(path, spec.signature, spec.rows)
    return sets.checked(found, spec.signature)
