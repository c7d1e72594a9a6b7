"""One row of the table: a question, what nobody can do better, what is usual, what was to be reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

Dice = np.random.Generator


@dataclass(frozen=True, slots=True)
class Found:
    """What a simulation came to, in words and as figures; `reached`: the goal, by the figures."""

    ours: str
    reached: bool
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """`run(dice, quick)` simulates; quick is fewer runs of the same."""

    number: int
    measure: str
    goal: str
    limit: str
    usual: str
    run: Callable[[Dice, bool], Found]


def dice(seed: int, row: int) -> Dice:
    """A row's own chance, the same whether it runs alone or among others."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, row])))


def kept(row: Row, found: Found, *, seed: int, quick: bool, seconds: float) -> dict[str, Any]:
    """A row as it stands in benchmarks/results, with all that it takes to run it again."""
    words = {name: value for name, value in asdict(row).items() if name != "run"}
    form = " --quick" if quick else ""
    command = f"python -m benchmarks.decisions{form} --rows {row.number} --seed {seed}"
    return {
        **words,
        **asdict(found),
        "reached": bool(found.reached),
        "command": command,
        "quick": quick,
        "seconds": round(seconds, 1),
    }


def median(values: np.ndarray, censored: float = float("inf")) -> float:
    """The median of times, where those that never came are `censored`."""
    return float(np.median(np.where(np.isfinite(values), values, censored)))


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def shares_of(hits: int, runs: int) -> str:
    """A share of runs as it is read: 0.70 % (28/4,000)."""
    return f"{percent(hits / runs, 2)} ({hits:,}/{runs:,})"
