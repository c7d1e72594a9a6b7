"""Every row there is, by number."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.decisions import (
    adjusting,
    certifying,
    changed_bandit,
    forecasting,
    labelling,
    regret,
    replays,
)
from benchmarks.decisions.rows import Row

ROWS: Mapping[int, Row] = {
    row.number: row
    for row in sorted(
        (
            *regret.ROWS,
            *certifying.ROWS,
            *replays.ROWS,
            *changed_bandit.ROWS,
            *labelling.ROWS,
            *adjusting.ROWS,
            *forecasting.ROWS,
        ),
        key=lambda row: row.number,
    )
}
