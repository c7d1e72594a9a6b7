"""Every row there is, by number."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.decisions import (
    adjusting,
    balances,
    by_context,
    certifying,
    changed_bandit,
    forecasting,
    labelling,
    latencies,
    monitors,
    pairs,
    regret,
    replays,
    unevenly,
)
from benchmarks.decisions.rows import Row

ROWS: Mapping[int, Row] = {
    row.number: row
    for row in sorted(
        (
            *regret.ROWS,
            *certifying.ROWS,
            *monitors.ROWS,
            *latencies.ROWS,
            *balances.ROWS,
            *replays.ROWS,
            *changed_bandit.ROWS,
            *labelling.ROWS,
            *pairs.ROWS,
            *adjusting.ROWS,
            *forecasting.ROWS,
            *unevenly.ROWS,
            *by_context.ROWS,
        ),
        key=lambda row: row.number,
    )
}
