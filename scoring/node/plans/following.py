"""How a plan comes into force: wanted, loaded, served to all workers, acknowledged by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from formats.plan import Key, PlannedVersion, RoutingPlan, serialise
from formats.types import Signature
from scoring.control import Failed, Keep, Serve
from scoring.node.plans.desired import Desired, open_keys
from scoring.node.versions.loading import Loading
from scoring.node.workers.fleet import Fleet, Worker


@dataclass(frozen=True, slots=True)
class Round:
    """One picture that was sent to the workers: which plan it was, and each model's revision in it."""

    sequence: int = -1
    revisions: dict[str, int] = field(default_factory=dict)


class Following:
    """Keeps the workers on the newest plan that they can all follow."""

    def __init__(
        self,
        fleet: Fleet,
        loading: Loading,
        given_up: Callable[[], dict[Key, str]],
        changed: Callable[[], None],
    ) -> None:
        self._fleet = fleet
        self._loading = loading
        self._given_up = given_up
        self._changed = changed
        self._serve: Serve | None = None
        self._rounds: dict[int, Round] = {}
        self.desired = Desired()

    def follow(self, plan: RoutingPlan) -> None:
        """Want a plan, if it is newer than what is wanted already."""
        self.desired = self.desired.follow(plan)
        self._loading.want(self.needed())
        self.advance()

    def advance(self) -> None:
        """Something is loaded, has failed, or is gone: bring into force what can be."""
        loaded = self._loaded()
        if self._fleet.workers:
            self.desired = self.desired.adopt(loaded | self.broken().keys())
        self._renew(loaded)
        for worker in self._fleet.workers.values():
            self._send(worker)
        self._changed()

    def broken(self) -> dict[Key, str]:
        """What is in force and still not run: given up, or deadly to the workers that came to load it."""
        deadly = self._loading.deadly() & self.desired.in_force()
        return self._given_up() | {key: self._loading.failed[key] for key in sorted(deadly)}

    def needed(self) -> dict[Key, PlannedVersion]:
        """Every version to have loaded."""
        broken = self._given_up()
        return {key: version for key, version in self.desired.needed().items() if key not in broken}

    def refused(self, worker: Worker, failure: Failed) -> None:
        self._loading.refused(worker, failure)
        self.advance()

    def joined(self, worker: Worker) -> None:
        """A worker acknowledged a round."""
        if self._serve is not None and worker.round == self._serve.round:
            if not worker.joined:
                self._fleet.join(worker)
            worker.link.send(Keep(list(self.needed())))
            self._loading.want(self.needed())
        self._changed()

    def ready(self) -> bool:
        """True when every model of the plan is served, or cannot be."""
        if self.desired.wanted is None:
            return False
        models = self.desired.wanted.models
        return all(
            any(key in self._loading.failed for key in open_keys(name, models[name]))
            for name in self.desired.waiting()
        )

    def all_loaded(self) -> bool:
        """True when every worker has every version that the plan names."""
        needed = self.desired.needed().keys()
        return all(needed <= worker.loaded for worker in self._fleet.workers.values())

    def in_force(self) -> Round:
        """What all workers that have joined follow; nothing when none has."""
        rounds = [self._rounds.get(worker.round, Round()) for worker in self._fleet.joined()]
        if not rounds:
            return Round()
        names = set.intersection(*(set(each.revisions) for each in rounds))
        return Round(
            min(each.sequence for each in rounds),
            {name: min(each.revisions[name] for each in rounds) for name in sorted(names)},
        )

    def sequence_of(self, worker: Worker) -> int:
        """The plan that a worker follows; -1 for none yet."""
        return self._rounds.get(worker.round, Round()).sequence

    def models(self) -> dict[str, dict[str, Any]]:
        """Per model: the revision in force, the versions loaded everywhere, on their way, and failed."""
        in_force = self.in_force()
        joined = self._fleet.joined()
        loaded = set.intersection(*(worker.loaded for worker in joined)) if joined else set()
        loaded -= self._given_up().keys()
        found: dict[str, dict[str, Any]] = {}
        for key in sorted(self.desired.needed()):
            name, number, _ = key
            facts = found.setdefault(name, _nothing(in_force.revisions.get(name, 0)))
            if key in loaded:
                facts["ready"].append(number)
            elif key in self._loading.failed:
                facts["failed"][str(number)] = self._loading.failed[key]
            else:
                facts["loading"].append(number)
        for name in self.desired.wanted.models if self.desired.wanted is not None else ():
            found.setdefault(name, _nothing(in_force.revisions.get(name, 0)))
        return found

    def signature_of(self, name: str, number: int) -> Signature | None:
        """The signature of a version, where the plan in force or the wanted one has it."""
        for key, version in self.desired.needed().items():
            if key[:2] == (name, number):
                return version.signature
        return None

    def _loaded(self) -> set[Key]:
        """What all workers have that count: those that take clients, or all while none does."""
        counting = self._fleet.joined() or self._fleet.workers.values()
        return set.intersection(*(worker.loaded for worker in counting)) if counting else set()

    def _renew(self, loaded: set[Key]) -> None:
        """Make the next round when there is something new to serve.

        A fallback is part of it as soon as it is loaded: nobody waits for it to stop a broken version.
        """
        plan = self.desired.plan()
        if plan is None:
            return
        last, broken = self._serve, self.broken()
        fresh = Serve(
            round=last.round + 1 if last else 0,
            payload=serialise(plan),
            waiting=self.desired.waiting(),
            ready=self.ready(),
            broken=sorted(broken.items()),
            fallbacks=sorted((self.desired.fallbacks(broken) & loaded) - broken.keys()),
        )
        if last and replace(last, round=fresh.round) == fresh:
            return
        self._serve = fresh
        oldest = min((worker.round for worker in self._fleet.workers.values()), default=fresh.round)
        self._rounds = {number: each for number, each in self._rounds.items() if number >= oldest}
        revisions = {name: model.revision for name, model in plan.models.items()}
        self._rounds[fresh.round] = Round(plan.sequence, revisions)

    def _send(self, worker: Worker) -> None:
        """Order the current round, once, of a worker that has what it takes."""
        if self._serve is None or worker.served >= self._serve.round:
            return
        if (self.desired.in_force() | set(self._serve.fallbacks)) - self.broken().keys() <= worker.loaded:
            worker.served = self._serve.round
            worker.link.send(self._serve)


def _nothing(revision: int) -> dict[str, object]:
    return {"revision": revision, "ready": [], "loading": [], "failed": {}}
