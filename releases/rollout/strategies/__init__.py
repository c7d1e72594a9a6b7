"""How shares move: one pure file per strategy, from (design, counts, standing, clock) to a decision."""

from __future__ import annotations

from collections.abc import Mapping

from releases.rollout.designs.design import Kind
from releases.rollout.strategies import aa, ab_test, bandit, blue_green, canary, shadow, single
from releases.rollout.strategies.base import Strategy

STRATEGIES: Mapping[Kind, Strategy] = {
    Kind.SINGLE: single,
    Kind.SHADOW: shadow,
    Kind.CANARY: canary,
    Kind.BLUE_GREEN: blue_green,
    Kind.AB_TEST: ab_test,
    Kind.BANDIT: bandit,
    Kind.AA: aa,
}
