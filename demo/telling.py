"""What the demo prints: steps with their figures in aligned columns, coloured only on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TextIO

GREEN, RED, BOLD, DIM = "32", "31", "1", "2"
NAME_WIDTH = 26
"""The longest name of a figure that is told."""


class Stopped(Exception):
    """The journey cannot go on; the message says why."""


@dataclass(slots=True)
class Teller:
    """Prints, and remembers whether every step did what it should."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    began: float = field(default_factory=time.monotonic)
    wrong: list[str] = field(default_factory=list)
    steps: int = 0

    def step(self, title: str) -> None:
        """A new step begins."""
        self.steps += 1
        seconds = f"{time.monotonic() - self.began:6.1f} s"
        self._line(f"\n{self._paint(f'{self.steps:2}  {title}', BOLD)}  {self._paint(seconds.strip(), DIM)}")

    def say(self, name: str, figures: str = "") -> None:
        """One line of the step: what, and its figures."""
        self._line(f"    {name:<{NAME_WIDTH}} {figures}".rstrip())

    def check(self, good: bool, name: str, figures: str = "") -> bool:
        """A line that says whether something is as it should be; a wrong one fails the demo."""
        mark = self._paint("ok", GREEN) if good else self._paint("WRONG", RED)
        self._line(f"    {name:<{NAME_WIDTH}} {figures:<56} {mark}")
        if not good:
            self.wrong.append(f"step {self.steps}, {name.strip()}: {figures}")
        return good

    def require(self, good: bool, name: str, figures: str = "") -> None:
        """A check without which nothing that follows makes sense."""
        if not self.check(good, name, figures):
            raise Stopped(f"{name}: {figures}")

    def table(self, rows: Iterable[tuple[str, str]]) -> None:
        for name, figures in rows:
            self.say(name, figures)

    def end(self) -> bool:
        """The last words; True when nothing was wrong."""
        seconds = time.monotonic() - self.began
        if not self.wrong:
            self._line(f"\n{self._paint('Every step did what it should', GREEN)}, in {seconds:.0f} s.")
            return True
        self._line(f"\n{self._paint(f'{len(self.wrong)} things were not as they should be', RED)}:")
        for line in self.wrong:
            self._line(f"    {line}")
        return False

    def _line(self, text: str) -> None:
        self.out.write(text + "\n")
        self.out.flush()

    def _paint(self, text: str, colour: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self.out.isatty() else text


def milliseconds(values: list[float]) -> str:
    """p50, p90 and p99 of seconds, as order statistics in ms."""
    if not values:
        return "no answers"
    ordered = sorted(values)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

    return f"p50 {at(0.5):.2f} ms, p90 {at(0.9):.2f} ms, p99 {at(0.99):.2f} ms"
