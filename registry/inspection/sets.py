"""A version's sets at upload, by the reader of the proof; refusals name the manifest's field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from formats.sets import CONFIDENCE, END_TO_END, FILE, BadSet, OpenSet, SetLimits, SetName, open_set
from formats.types import Signature
from registry.inspection.refusals import Refusal, Refused
from registry.manifest import MetricRange
from registry.manifest.fitting import Misfit, Truth, settled

SETS: tuple[SetName, ...] = (END_TO_END, CONFIDENCE)


def read_sets(
    files: Mapping[str, Path], manifest: Mapping[str, Any], signature: Signature, limits: SetLimits
) -> tuple[dict[str, OpenSet], list[Refusal]]:
    """The sets that there are, read to the end, and why others are none: all refusals, not only the first.

    `signature` is the graphs' own word; what the outputs really are is known once they are loaded.
    """
    found: dict[str, OpenSet] = {}
    refusals: list[Refusal] = []
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
                opened.gaps()
                found[which] = opened
        except Refused as refused:
            refusals.append(refused.refusal)
    return found, list(dict.fromkeys(refusals))


def refuse_other_outputs(
    files: Mapping[str, Path], manifest: Mapping[str, Any], signature: Signature, limits: SetLimits
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
        _refuse_metric(opened[CONFIDENCE], manifest["metric"], signature)


def _refuse_metric(opened: OpenSet, metric: Mapping[str, Any], signature: Signature) -> None:
    with _refusing(CONFIDENCE):
        target = opened.target()
    if target is None:
        return
    truth = Truth(opened.rows, target.shape, np.dtype(target.dtype).kind)
    try:
        settled(MetricRange.from_json(metric), truth, signature.outputs, opened.kind)
    except Misfit as reason:
        raise Refused("metric_misfit", reason.field, str(reason)) from reason


@contextmanager
def _refusing(which: SetName) -> Iterator[None]:
    try:
        yield
    except BadSet as bad:
        raise Refused(bad.code, f"files.{which}" if bad.place == FILE else bad.place, bad.message) from bad
