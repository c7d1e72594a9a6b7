"""A model with a live version, what it is rolled out through, and whoever waits for no node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from releases.rollout import replaying
from releases.rollout.switching import nodes
from tests.releases.rolling import World


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch):
    """Nodes are played in a test's own thread: nobody could follow while it waits."""
    monkeypatch.setattr(nodes, "PATIENCE_S", 0.0)


@pytest.fixture
def world(broker, settings, tmp_path) -> Iterator[World]:
    settings.PLAN_FILE = tmp_path / "plan.json"
    yield World(broker)
    again = list(replaying.replay())
    assert [each for each in again if each.differences] == [], "what was decided here is decided again"
