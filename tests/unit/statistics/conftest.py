from __future__ import annotations

import pytest

from releases.statistics import bootstrap, confusion


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """A tenth of the product's: enough to see a method at work, two seconds instead of twenty."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)
    monkeypatch.setattr(confusion, "DRAWS", 400)
