"""A version's sets at upload, by the reader of the proof; refusals name the manifest's field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from formats.sets import CONFIDENCE, END_TO_END, FILE, BadSet, OpenSet, SetLimits, SetName, open_set
from formats.types import Signature
from registry.inspection.refusals import Refusal, Refused
from registry.manifest.metrics import METRICS, Kind

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
                _refuse_target(opened, manifest.get("metric") or {})
                opened.gaps()
                found[which] = opened
        except Refused as refused:
            refusals.append(refused.refusal)
    return found, list(dict.fromkeys(refusals))


def refuse_other_outputs(
    files: Mapping[str, Path], manifest: Mapping[str, Any], signature: Signature, limits: SetLimits
) -> None:
    """Raise Refused where the end-to-end set expects what the loaded graphs cannot give."""
    if END_TO_END in files:
        with _refusing(END_TO_END):
            open_set(files[END_TO_END], END_TO_END, signature, rows=manifest.get("rows"), limits=limits)


def _refuse_target(opened: OpenSet, wanted: Mapping[str, Any]) -> None:
    """Raise BadSet where the metric cannot take truths of this form: no proof could."""
    target, metric = opened.target(), METRICS.get(str(wanted.get("name")))
    if target is None or metric is None:
        return
    if target.shape is None:
        raise BadSet(f"{metric.name} takes targets of one shape, and they differ from row to row.")
    if len(target.shape) > (metric.kind is Kind.REGRESSION) and set(target.shape) != {1}:
        raise BadSet(
            f"{metric.name} takes one target per row: a row of target has shape {list(target.shape)}."
        )


@contextmanager
def _refusing(which: SetName) -> Iterator[None]:
    try:
        yield
    except BadSet as bad:
        raise Refused(bad.code, f"files.{which}" if bad.place == FILE else bad.place, bad.message) from bad
