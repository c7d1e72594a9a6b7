"""Every row there is, by number."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.decisions import replays
from benchmarks.decisions.rows import Row

ROWS: Mapping[int, Row] = {
    row.number: row
    for row in sorted(
        (*replays.ROWS,),
        key=lambda row: row.number,
    )
}
