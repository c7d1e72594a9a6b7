"""Rows with noise in them, for each kind of metric, and a metric's question about them."""

from __future__ import annotations

import numpy as np

from registry.manifest import METRICS, Kind, MetricRange
from releases.statistics.judging import judged

MORE = {"top_k": {"k": 2}, "pinball": {"quantile": 0.3}}
TWO_CLASSES = {"precision", "recall", "f1", "jaccard", "roc_auc", "average_precision"}


PLAIN = [name for name, metric in METRICS.items() if metric.kind not in (Kind.DETECTION, Kind.OWN)]
"""Metrics of one value per row; boxes and own metrics have tests of their own."""


def question(name: str, **changes) -> MetricRange:
    return MetricRange(**({"name": name, "output": "y", "range": (0.0, 1.0)} | MORE.get(name, {}) | changes))


def columns(name: str, rows: int, rng: np.random.Generator, *, skill: float = 1.0):
    """(target, predictions) that agree the more, the greater `skill`."""
    kind = METRICS[name].kind
    classes = 2 if name in TWO_CLASSES else 4
    if kind is Kind.REGRESSION:
        target = rng.gamma(2.0, size=rows) + 0.1
        return target, target + rng.normal(size=rows) / (1 + skill)
    target = rng.choice(classes, rows, p=np.arange(1, classes + 1) / np.arange(1, classes + 1).sum())
    logits = rng.normal(size=(rows, classes))
    logits[np.arange(rows), target] += skill
    if kind is Kind.LABEL:
        return target, logits.argmax(axis=1)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return target, np.round(shares, 3) / np.round(shares, 3).sum(axis=1, keepdims=True)


def rows_for(name: str, rows: int, rng: np.random.Generator, **changes):
    """The same, as `judged` makes them."""
    asked = question(name, **changes)
    target, predictions = columns(name, rows, rng)
    return asked, judged(asked, target, [predictions])[0]
