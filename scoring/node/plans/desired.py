"""What a node wants and what it has: the rule by which a plan comes into force, pure.

A model's entry is adopted when every worker that counts has loaded all of its open versions;
until then the model's former entry stays. So a model with traffic never has no version, and a
broken entry of one model holds up no other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from msgspec import structs

from formats.plan import Key, ModelPlan, PlannedVersion, RoutingPlan
from formats.shares import Shares


@dataclass(frozen=True, slots=True)
class Desired:
    """`wanted` is the newest plan, `adopted` what is in force of it, model by model."""

    wanted: RoutingPlan | None = None
    adopted: Mapping[str, ModelPlan] = field(default_factory=dict)

    def is_news(self, plan: RoutingPlan) -> bool:
        """True for a plan that is newer than the wanted one: by its sequence, or by its time and
        signature alone where another installation has taken this one's place."""
        if self.wanted is None:
            return True
        if self.is_of_another(plan):
            return plan.issued_at > self.wanted.issued_at
        return plan.sequence > self.wanted.sequence

    def is_of_another(self, plan: RoutingPlan) -> bool:
        """True when two databases have made the wanted plan and this one."""
        before = self.wanted.installation if self.wanted is not None else ""
        return bool(before and plan.installation and before != plan.installation)

    def follow(self, plan: RoutingPlan) -> Desired:
        """Want a newer plan. A lower sequence changes nothing; a model's lower revision leaves that model."""
        if not self.is_news(plan):
            return self
        models = dict(plan.models)
        if not self.is_of_another(plan):
            models = {name: self._newest(name, model) for name, model in models.items()}
        adopted = {name: model for name, model in self.adopted.items() if name in models}
        return Desired(structs.replace(plan, models=models), adopted)

    def reshared(self, shares: Shares) -> Desired:
        """Want newer weights of a model, in force at once where its versions are: nothing is to be loaded.
        Itself where they fit nothing. Raises BadPlan where they are none for what is wanted."""
        if self.wanted is None:
            return self
        models, adopted = _with(self.wanted.models, shares), _with(self.adopted, shares)
        if models is self.wanted.models and adopted is self.adopted:
            return self
        return Desired(structs.replace(self.wanted, models=models), adopted)

    def adopt(self, loaded: Collection[Key]) -> Desired:
        """Bring into force what `loaded`, the versions that all counting workers have, allows."""
        if self.wanted is None:
            return self
        adopted = dict(self.adopted)
        for name, model in self.wanted.models.items():
            if open_keys(name, model).issubset(loaded):
                adopted[name] = model  # noqa: PERF403 - the loop reads better than two merged maps
        return self if adopted == self.adopted else replace(self, adopted=adopted)

    def plan(self) -> RoutingPlan | None:
        """The plan in force: the newest tokens, and of each model what is adopted."""
        return None if self.wanted is None else structs.replace(self.wanted, models=self.adopted)

    def waiting(self) -> list[str]:
        """Models of the plan that nothing is adopted of yet."""
        return [] if self.wanted is None else [n for n in self.wanted.models if n not in self.adopted]

    def needed(self) -> dict[Key, PlannedVersion]:
        """Every version to have loaded: those in force, those wanted, and those staged."""
        wanted = self.wanted.models if self.wanted is not None else {}
        found: dict[Key, PlannedVersion] = {}
        for models in (self.adopted, wanted):
            for name, model in models.items():
                found |= {key: model.versions[number] for number, key in model.keys(name).items()}
        return found

    def in_force(self) -> set[Key]:
        """The versions without which a new worker cannot follow the plan in force."""
        return {key for name, model in self.adopted.items() for key in open_keys(name, model)}

    def fallbacks(self, broken: Collection[Key]) -> set[Key]:
        """The versions that answer clients under the plan in force in place of `broken` ones."""
        found = set()
        for name, model in self.adopted.items():
            keys = model.keys(name)
            if model.fallback is not None and any(keys[arm.version] in broken for arm in model.arms):
                found.add(keys[model.fallback])
        return found

    def _newest(self, name: str, model: ModelPlan) -> ModelPlan:
        before = self.wanted.models.get(name) if self.wanted is not None else None
        return before if before is not None and before.revision > model.revision else model


def _with(models: Mapping[str, ModelPlan], shares: Shares) -> Mapping[str, ModelPlan]:
    entry = models.get(shares.model)
    return models if entry is None or not shares.fits(entry) else {**models, shares.model: shares.on(entry)}


def open_keys(name: str, model: ModelPlan) -> set[Key]:
    """The versions of an entry that somebody may address."""
    return {key for number, key in model.keys(name).items() if not model.versions[number].staged}
