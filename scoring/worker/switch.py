"""From a plan and the loaded versions to what a worker serves, worked out beside the traffic."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from msgspec import structs

from formats.plan import Arm, Key, ModelPlan, RoutingPlan
from scoring.request_ids import BY_NAME, INTERNAL, Issuer, model_tag
from scoring.telemetry import Cell, Meters
from scoring.worker.access import Access
from scoring.worker.exchange import Mirror, Target, Version
from scoring.worker.forms import MLFLOW, OIP, SIMPLE
from scoring.worker.mirrors import ARM, Mirrors
from scoring.worker.picture import BrokenVersion, Endpoint, ModelView, Picture

FALLBACK = "fallback"
"""Arm of what is counted where one version answered in place of another."""
NAMED, OURS = "named", "internal"
UNCHOSEN = (NAMED, OURS)
"""Arms of requests for which no revision has chosen."""
NOTHING: Mapping[Key, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes `Picture` values. `loaded` is the worker's registry, `key` signs request ids.

    `cells` numbers every arm that was ever served here, in the order of its keys.
    """

    loaded: Mapping[Key, Version]
    key: bytes
    meters: Meters
    mirroring: Mirrors | None = None
    cells: dict[Cell, int] = field(default_factory=dict)
    fallbacks: Collection[Key] = ()

    def picture(
        self,
        plan: RoutingPlan,
        *,
        waiting: Iterable[str] = (),
        ready: bool = True,
        broken: Mapping[Key, str] = NOTHING,
        fallbacks: Collection[Key] = (),
    ) -> Picture:
        """What to serve under `plan`. Raises KeyError when an open version of it is not loaded.

        waiting  models of the environment that this node has yet to load.
        broken   versions that are not run here any more, with the reason.
        fallbacks  versions that answer clients where others are broken.
        """
        given_up: dict[Key, Version] = {
            key: BrokenVersion(number, model.versions[number].signature, broken[key])
            for name, model in plan.models.items()
            for number, key in model.keys(name).items()
            if key in broken
        }
        if given_up:
            others = replace(self, loaded=ChainMap(given_up, dict(self.loaded)), fallbacks=fallbacks)
            return others.picture(plan, waiting=waiting, ready=ready)
        endpoints: dict[bytes, Endpoint] = {}
        models: dict[str, ModelView] = {}
        for name, model in plan.models.items():
            endpoints.update(self._endpoints(name, model))
            models[name] = self._view(name, model)
            self._instruct(name, model)
        for name in waiting:
            models.setdefault(name, ModelView(name, 0, {}, (), waiting=True))
        return Picture(
            plan.sequence, Access(plan.tokens, public=plan.public), endpoints, models, ready, self.mirroring
        )

    def _endpoints(self, name: str, model: ModelPlan) -> dict[bytes, Endpoint]:
        made: dict[bytes, Endpoint] = {}
        path = b"/v2/models/" + name.encode()
        if model.arms:
            arms = [
                self._target(name, model, arm.version, place, arm.reason)
                for place, arm in enumerate(self._answering(name, model))
            ]
            internal = [self._target(name, model, arm.version, INTERNAL, OURS) for arm in model.arms]
            mirrors = self._mirrors(name, model)
            doors = (
                (path + b"/infer", OIP),
                (b"/score/" + name.encode(), SIMPLE),
                (b"/invocations/" + name.encode(), MLFLOW),
                (b"/mlflow/" + name.encode() + b"/invocations", MLFLOW),
            )
            for target, form in doors:
                made[target] = Endpoint(
                    name, "score", form, arms, internal, model.arms, model.salt, model.hashing, mirrors
                )
        for number, version in model.versions.items():
            if not version.staged:
                made[path + b"/versions/%d/infer" % number] = self._by_name(name, model, number)
        return made

    def _answering(self, name: str, model: ModelPlan) -> list[Arm]:
        """The arms as clients meet them here: the fallback answers where a version is given up.

        Only where both have the same signature: else a request could be right for one and wrong for
        the other, and the client would be told of a mistake that it has not made; or an input that has
        become sensitive since would be kept as if it were not.
        """
        keys = model.keys(name)
        if model.fallback is None or keys[model.fallback] not in self.fallbacks:
            return list(model.arms)
        fallback = self.loaded[keys[model.fallback]]

        def answers(arm: Arm) -> Arm:
            version = self.loaded[keys[arm.version]]
            if isinstance(version, BrokenVersion) and version.signature == fallback.signature:
                return structs.replace(arm, version=fallback.number, reason=FALLBACK)
            return arm

        return [answers(arm) for arm in model.arms]

    def _mirrors(self, name: str, model: ModelPlan) -> list[Mirror]:
        answering = {model.versions[arm.version].signature.inputs for arm in model.arms}
        return [
            Mirror(
                self._target(name, model, number, INTERNAL, ARM),
                answering == {model.versions[number].signature.inputs},
            )
            for number in model.mirrors
        ]

    def _by_name(self, name: str, model: ModelPlan, number: int) -> Endpoint:
        named = self._target(name, model, number, BY_NAME, NAMED)
        internal = self._target(name, model, number, INTERNAL, OURS)
        return Endpoint(name, "score-version", OIP, [named], [internal], salt=model.salt)

    def _target(self, name: str, model: ModelPlan, number: int, arm: int, reason: str) -> Target:
        version = self.loaded[model.keys(name)[number]]
        issuer = Issuer(self.key, model_tag(name), number, model.revision, arm)
        cell = Cell(name, number, reason)
        place = self.cells.setdefault(cell, len(self.cells))
        chosen = cell if reason in UNCHOSEN else cell._replace(revision=model.revision)
        return Target(name, version, issuer, self.meters.cell(chosen), place, reason)

    def _instruct(self, name: str, model: ModelPlan) -> None:
        """Tell each loaded version how it is to be served from now on."""
        for number, key in model.keys(name).items():
            loaded = self.loaded.get(key)
            if loaded is not None:
                loaded.follow(model.versions[number])

    def _view(self, name: str, model: ModelPlan) -> ModelView:
        keys = model.keys(name)
        versions = {n: self.loaded[key] for n, key in keys.items() if not model.versions[n].staged}
        answering = [self.loaded[keys[arm.version]] for arm in self._answering(name, model)]
        return ModelView(name, model.revision, versions, answering)
