"""How much is tried: a little, the same each time, in the suite; much, ever new, with --soak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

SUITE, SOAK = "suite", "soak"
_MORE = 20


def examples(count: int) -> Callable[[Any], Any]:
    """Hypothesis' settings for a test of `count` examples in the suite."""
    soak = settings.get_current_profile_name() == SOAK
    return settings(
        max_examples=count * (_MORE if soak else 1),
        derandomize=not soak,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
