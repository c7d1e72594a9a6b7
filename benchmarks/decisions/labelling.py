"""Row 28: which version is right more often, from as few labels as possible."""

from __future__ import annotations

import numpy as np

from benchmarks.decisions.rows import Dice, Found, Row, median, shares_of
from releases.rollout.counts import Discordant
from releases.rollout.evidence import labels, paired

ALPHA = 0.01
_MOST = 2000


def judged(rng: Dice, quick: bool) -> Found:
    """6 % of the answers differ: the new version is right in 4 of these, the old one in 2."""
    runs = 400 if quick else 4000
    right, equal = (_needed(rng, runs, share) for share in (2 / 3, 1 / 2))
    wrong = int(np.isfinite(equal).sum())
    found = median(right)
    return Found(
        f"{found:.0f} labels; equal versions told apart: {shares_of(wrong, runs)}",
        found <= 100 and wrong / runs <= ALPHA,
        {"labels": found, "mean": float(right.mean()), "wrong": wrong, "runs": runs},
    )


def _needed(rng: Dice, runs: int, share: float) -> np.ndarray:
    """Labels until the new version is said to be right more often, infinite where it never is."""
    new = np.cumsum(rng.random((runs, _MOST)) < share, axis=1)
    told = np.arange(1, _MOST + 1)
    reached = paired.log_worse(new, told - new) >= labels.accuracy(Discordant(), ALPHA).threshold
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


ROWS = (
    Row(
        28,
        "Labels until it is certain which version is right more often; 6 % differ, the new one right in 4",
        "≤ 100 labels",
        "81 on average (ln 100 / KL(2/3, 1/2))",
        "a row labelled for each request: 1,479",
        judged,
    ),
)
