"""The version's own metric: its graph is asked by the same calls as the model, in a cell of its own.

It sees targets and predictions and never the model; the examiner runs no graph.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from formats.sets import Listed, RowKind, Stacked, TestSet
from registry.manifest.fitting import EXPECTED, GOT, by_rows
from releases.proof.examiner.asking import Server
from releases.proof.examiner.findings import Finding
from releases.proof.examiner.pacing import outputs, pace_of
from releases.proof.examiner.progress import Progress
from releases.proof.examiner.spec import OwnMetric, Spec
from releases.proof.examiner.wanted import Wanted
from releases.statistics import arrays
from releases.statistics.arrays import Entries, Floats, Ragged


def values(spec: Spec, own: OwnMetric, target: Entries, told: Entries, progress: Progress) -> Floats:
    """What the graph says of each row, shape (rows,). Raises Finding."""
    asked = _rows(own, target, told)
    server = Server(replace(spec, socket=own.socket, signature=own.signature))
    wanted = Wanted((own.signature.outputs[0].name,))
    progress.begin("confidence", asked.rows)
    try:
        answers = outputs(asked, server, wanted, pace_of(asked), progress)
        found = [answer.reshape(-1).astype(np.float64) for answer in answers]
    except Finding as finding:
        # The server of its cell calls the graph that it runs a model, as it would any other.
        words = str(finding).replace("the model", "it")
        raise Finding(f"the metric's graph cannot judge an answer: {words}") from finding
    finally:
        server.close()
    each = np.concatenate(found)
    if len(each) != asked.rows:
        raise Finding(
            f"the metric's graph gave {len(each)} values for {asked.rows} rows: it needs one per row"
        )
    if wrong := np.flatnonzero(~np.isfinite(each)).tolist():
        raise Finding(
            f"the metric's graph gave what is not a finite number in {len(wrong)} rows;"
            f" the first is row {wrong[0]}"
        )
    return each


def _rows(own: OwnMetric, target: Entries, told: Entries) -> TestSet:
    """Targets and predictions as rows to be asked, many at once where the graph takes many."""
    single = by_rows(own.signature, arrays.row_shape(target), arrays.row_shape(told))
    if single is None:
        raise Finding(f"the metric's graph does not take an answer of shape {list(arrays.row_shape(told))}")
    pair = {EXPECTED: target, GOT: told}
    rows = len(target)
    if not any(isinstance(each, Ragged) for each in pair.values()):
        kind: RowKind = "requests" if single else "samples"
        return TestSet(kind, rows, Stacked({name: np.asarray(each) for name, each in pair.items()}, kind))
    entries = {
        name: {row: partial(arrays.entry, each, row) for row in range(rows)} for name, each in pair.items()
    }
    return TestSet("requests", rows, Listed(entries))
