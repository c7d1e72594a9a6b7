"""What workers are told to serve, round by round: of each new round only what it changes."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from formats.plan import Key, RoutingPlan, serialise
from scoring.control import Serve


@dataclass(frozen=True, slots=True)
class Round:
    """A plan in force, and what a worker is to know beside it. Rounds of one `shape` differ in the weights of
    their models' arms alone: whoever has what one of them takes has what all of them take.
    """

    number: int
    shape: int
    plan: RoutingPlan
    waiting: tuple[str, ...]
    ready: bool
    broken: tuple[tuple[Key, str], ...]
    fallbacks: tuple[Key, ...]

    def says(self) -> tuple[object, ...]:
        """What it is about, whatever its number."""
        return self.plan, self.waiting, self.ready, self.broken, self.fallbacks

    def order(self, before: Round | None) -> Serve:
        """What brings a worker here from the round that it was served before, or from nothing."""
        had = before.plan.models if before is not None else {}
        touched = self._touched(before) if before is not None else set()
        models = {
            name: entry
            for name, entry in self.plan.models.items()
            if name in touched or (had.get(name) is not entry and had.get(name) != entry)
        }
        known = before is not None and _callers(before.plan) == _callers(self.plan)
        told = replace(self.plan, models=models, tokens=() if known else self.plan.tokens)
        return Serve(
            round=self.number,
            payload=serialise(told),
            waiting=list(self.waiting),
            ready=self.ready,
            broken=list(self.broken),
            fallbacks=list(self.fallbacks),
            gone=[name for name in had if name not in self.plan.models],
            callers=not known,
        )

    def _touched(self, before: Round) -> set[str]:
        """The models of which other versions are broken, or stand in for them."""
        broken, fallbacks = set(self.broken) ^ set(before.broken), set(self.fallbacks) ^ set(before.fallbacks)
        return {key[0] for key, _ in broken} | {key[0] for key in fallbacks}


def _callers(plan: RoutingPlan) -> tuple[object, ...]:
    return plan.tokens, plan.public
