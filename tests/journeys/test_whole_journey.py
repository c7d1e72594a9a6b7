"""All six journeys in one go, as `make demo ONCE=1` plays them: real models, real servers, public faces."""

from __future__ import annotations

import subprocess

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]


def test_the_demo_plays_to_its_end_and_every_step_does_what_it_should(live_tree):
    try:
        told = live_tree.manage("demo", "--once")
    except subprocess.CalledProcessError as ended:
        pytest.fail(f"{ended.stdout}\n{ended.stderr}\n{live_tree.logs()}")

    assert "Every step did what it should" in told
    assert "refused by confidence" in told
    assert "refused by end_to_end" in told
    assert "The log holds" in live_tree.manage("audit", "verify")
