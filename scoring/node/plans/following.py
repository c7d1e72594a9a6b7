"""How a plan comes into force: wanted, loaded, served to all workers, acknowledged by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from formats.plan import Key, PlannedVersion, RoutingPlan
from formats.shares import Shares
from formats.types import Signature
from scoring.control import Failed, Keep
from scoring.node.plans.desired import Desired, open_keys
from scoring.node.plans.rounds import Round
from scoring.node.versions.loading import Loading
from scoring.node.workers.fleet import Fleet, Worker


@dataclass(frozen=True, slots=True)
class InForce:
    """What all workers that have joined follow: the oldest of their plans, and each model's revision."""

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
        self._round: Round | None = None
        self._rounds: dict[int, Round] = {}
        self.desired = Desired()

    def follow(self, plan: RoutingPlan) -> None:
        """Want a plan, if it is newer than what is wanted already."""
        self.desired = self.desired.follow(plan)
        self._loading.want(self.needed())
        self.advance()

    def reshare(self, shares: Shares) -> None:
        """Want newer weights of a model. What else a plan changes, loads and asks for stays as it is, so
        nothing else is looked at, and the next heartbeat in its turn says so. Raises BadPlan."""
        before, self.desired = self.desired, self.desired.reshared(shares)
        plan = self.desired.plan()
        if plan is None or self._round is None or self.desired.adopted is before.adopted:
            return
        self._next(replace(self._round, number=self._round.number + 1, plan=plan))
        for worker in self._fleet.workers.values():
            self._send(worker)

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

    def joined(self, worker: Worker) -> bool:
        """A worker acknowledged a round; whether it is another than the one before in more than weights."""
        acknowledged = self._rounds[worker.round]
        if worker.joined and worker.shape == acknowledged.shape:
            return False
        worker.shape = acknowledged.shape
        if self._round is not None and acknowledged.shape == self._round.shape:
            if not worker.joined:
                self._fleet.join(worker)
            worker.link.send(Keep(list(self.needed())))
            self._loading.want(self.needed())
        self._changed()
        return True

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

    def in_force(self) -> InForce:
        """What all workers that have joined follow; nothing when none has."""
        rounds = [self._rounds.get(worker.round) for worker in self._fleet.joined()]
        plans = [each.plan for each in rounds if each is not None]
        if not plans or len(plans) < len(rounds):
            return InForce()
        names = set.intersection(*(set(each.models) for each in plans))
        return InForce(
            min(each.sequence for each in plans),
            {name: min(each.models[name].revision for each in plans) for name in sorted(names)},
        )

    def sequence_of(self, worker: Worker) -> int:
        """The plan that a worker follows; -1 for none yet."""
        followed = self._rounds.get(worker.round)
        return followed.plan.sequence if followed is not None else -1

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

    def rollouts(self) -> set[int]:
        """The rollouts whose units are shared out by what is in force."""
        models = self.desired.adopted.values()
        return {model.rollout.id for model in models if model.rollout is not None}

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
        last, broken = self._round, self.broken()
        fresh = Round(
            number=last.number + 1 if last else 0,
            shape=last.shape + 1 if last else 0,
            plan=plan,
            waiting=tuple(self.desired.waiting()),
            ready=self.ready(),
            broken=tuple(sorted(broken.items())),
            fallbacks=tuple(sorted((self.desired.fallbacks(broken) & loaded) - broken.keys())),
        )
        if last is None or last.says() != fresh.says():
            self._next(fresh)

    def _next(self, fresh: Round) -> None:
        """From now on this is what workers are to follow; earlier ones are known as long as some do."""
        oldest = min((worker.round for worker in self._fleet.workers.values()), default=fresh.number)
        self._rounds = {number: each for number, each in self._rounds.items() if number >= oldest}
        self._rounds[fresh.number] = self._round = fresh

    def _send(self, worker: Worker) -> None:
        """Order the current round, once, of a worker that has what it takes."""
        now, before = self._round, self._rounds.get(worker.served)
        if now is None or worker.served >= now.number:
            return
        takes = (self.desired.in_force() | set(now.fallbacks)) - self.broken().keys()
        if (before is not None and before.shape == now.shape) or takes <= worker.loaded:
            worker.served = now.number
            worker.link.send(now.order(before))


def _nothing(revision: int) -> dict[str, object]:
    return {"revision": revision, "ready": [], "loading": [], "failed": {}}
