"""A version's sets at upload, by the reader of the proof; refusals name the manifest's field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from formats.sets import CONFIDENCE, END_TO_END, FILE, BadSet, OpenSet, Place, SetLimits, SetName, open_set
from formats.types import Signature
from registry.inspection.refusals import Refusal, Refused
from registry.manifest import MetricRange
from registry.manifest.fitting import Misfit, Truth, settled

if TYPE_CHECKING:
    from registry.manifest.stored import StoredManifest, StoredMetric

SETS: tuple[SetName, ...] = (END_TO_END, CONFIDENCE)


@dataclass(slots=True)
class Read:
    """Sets that were read to the end.

    missing, infinite   inputs that hold NaN or an infinity, with the set and the place of one
    refusals            why others are none: all of it, not only the first
    """

    sets: dict[str, OpenSet] = field(default_factory=dict)
    missing: dict[str, tuple[SetName, Place]] = field(default_factory=dict)
    infinite: dict[str, tuple[SetName, Place]] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)

    def add(self, which: SetName, opened: OpenSet) -> None:
        for name, gaps in opened.gaps().items():
            if gaps.missing is not None:
                self.missing.setdefault(name, (which, gaps.missing))
            if gaps.infinite is not None:
                self.infinite.setdefault(name, (which, gaps.infinite))
        self.sets[which] = opened

    def refused_by(self, signature: Signature) -> Iterator[Refusal]:
        """Values that the signature does not take, though a set holds them: the manifest has said so."""
        for spec in signature.inputs:
            for held, taken, value, word in (
                (self.missing, spec.missing, "NaN", "missing"),
                (self.infinite, spec.infinite, "an infinity", "infinite"),
            ):
                if spec.name in held and not taken:
                    which, place = held[spec.name]
                    message = (
                        f"inputs/{spec.name} holds {value} ({place.words(spec)}), and the manifest says that"
                        f" the input takes none: save a number, or say {word}: true."
                    )
                    yield Refusal("bad_set", f"files.{which}", message)


def read_sets(
    files: Mapping[str, Path], manifest: StoredManifest, signature: Signature, limits: SetLimits
) -> Read:
    """The sets that there are.

    `signature` is the graphs' own word; what the outputs really are is known once they are loaded.
    """
    read = Read()
    for which in SETS:
        if which not in files:
            continue
        try:
            with _refusing(which):
                opened = open_set(
                    files[which],
                    which,
                    signature,
                    rows=manifest.get("rows"),
                    limits=limits,
                    outputs_known=False,
                )
                read.add(which, opened)
        except Refused as refused:
            read.refusals.append(refused.refusal)
    read.refusals = list(dict.fromkeys(read.refusals))
    return read


def refuse_other_outputs(
    files: Mapping[str, Path],
    manifest: StoredManifest,
    signature: Signature,
    limits: SetLimits,
    graph: Signature | None = None,
) -> None:
    """Raise Refused where a set needs what the loaded graphs cannot give: no proof could go well."""
    opened: dict[SetName, OpenSet] = {}
    for which in SETS:
        if which in files:
            with _refusing(which):
                opened[which] = open_set(
                    files[which], which, signature, rows=manifest.get("rows"), limits=limits
                )
    if CONFIDENCE in opened and manifest.get("metric"):
        _refuse_metric(opened[CONFIDENCE], manifest["metric"], signature, graph)


def _refuse_metric(
    opened: OpenSet, metric: StoredMetric, signature: Signature, graph: Signature | None
) -> None:
    with _refusing(CONFIDENCE):
        target = opened.target()
    if target is None:
        return
    truth = Truth(opened.rows, target.shape, np.dtype(target.dtype).kind)
    try:
        settled(MetricRange.from_json(metric), truth, signature.outputs, opened.kind, graph)
    except Misfit as reason:
        raise Refused("metric_misfit", reason.field, str(reason)) from reason


@contextmanager
def _refusing(which: SetName) -> Iterator[None]:
    try:
        yield
    except BadSet as bad:
        raise Refused(bad.code, f"files.{which}" if bad.place == FILE else bad.place, bad.message) from bad
