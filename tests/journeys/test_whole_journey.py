"""All journeys in one go, as `make demo ONCE=1` plays them: real models, real servers, public faces."""

from __future__ import annotations

import re

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]


def test_the_demo_plays_to_its_end_and_every_step_does_what_it_should(demo):
    assert demo.code == 0, f"{demo.told}\n{demo.tree.logs()}"
    assert "Every step did what it should" in demo.told
    assert "refused by confidence" in demo.told
    assert "refused by end_to_end" in demo.told
    assert re.search(r"clients that met it +0 of \d+ +ok", demo.told)
    assert "none differs" in demo.tree.manage("audit", "replay")
    assert "The log holds" in demo.tree.manage("audit", "verify")
