"""From a plan and the loaded versions to what a worker serves, worked out beside the traffic."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from msgspec import structs

from formats.answers import Tolerances
from formats.plan import RENDEZVOUS, WHOLE, Arm, Key, ModelPlan, PlannedRollout, RoutingPlan
from formats.types import Tolerance
from scoring.assignments import Assigner
from scoring.protocols.feedback import Bounds
from scoring.request_ids import BY_NAME, INTERNAL, KEPT, Issuer, model_tag
from scoring.routing import Chances, chooser, propensities
from scoring.telemetry import Cell, Meters
from scoring.worker.access import Access
from scoring.worker.differing import Comparison
from scoring.worker.exchange import Mirror, Target, Version
from scoring.worker.forms import MLFLOW, OIP, SIMPLE
from scoring.worker.keeping import Keeping
from scoring.worker.looking import Looking, reading
from scoring.worker.mirrors import ARM, Mirrors
from scoring.worker.pairing import Pairing, Pairs
from scoring.worker.picture import BrokenVersion, Endpoint, ModelView, Picture
from scoring.worker.witnesses import ArmWitness, Teller, Witnesses

FALLBACK = "fallback"
"""Arm of what is counted where one version answered in place of another."""
NAMED, OURS = "named", "internal"
UNCHOSEN = (NAMED, OURS)
"""Arms of requests for which no revision has chosen."""
NOTHING: Mapping[Key, str] = MappingProxyType({})
BLANK = Picture()
"""What a worker serves before its first plan."""


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
    witnesses: Witnesses = field(default_factory=Witnesses)
    pairs: Pairs | None = None
    fallbacks: Collection[Key] = ()

    def picture(
        self,
        plan: RoutingPlan,
        *,
        before: Picture = BLANK,
        gone: Iterable[str] = (),
        callers: bool = True,
        waiting: Iterable[str] = (),
        ready: bool = True,
        broken: Mapping[Key, str] = NOTHING,
        fallbacks: Collection[Key] = (),
    ) -> Picture:
        """What to serve under `plan`, and as `before` of the models that it does not name and that are not
        `gone`. Raises KeyError when an open version of it is not loaded.

        callers  whether the plan has the tokens, or those of `before` are good.
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
            return others.picture(
                plan, before=before, gone=gone, callers=callers, waiting=waiting, ready=ready
            )
        renewed = {*plan.models, *gone}
        endpoints, models = _others(before, renewed)
        for name, model in plan.models.items():
            doors = self._endpoints(name, model)
            endpoints |= doors
            models[name] = self._view(name, model, tuple(doors))
            self._instruct(name, model)
        self.witnesses.keep({view.rollout for view in models.values()})
        for name in waiting:
            models.setdefault(name, ModelView(name, 0, {}, (), waiting=True))
        access = Access(plan.tokens, public=plan.public) if callers else before.access
        ranges = {tag: bounds for tag, bounds in before.ranges.items() if bounds.model not in renewed}
        for name, model in plan.models.items():
            if model.reward is not None:
                ranges[model_tag(name)] = Bounds(name, *model.reward)
        return Picture(plan.sequence, access, endpoints, models, ready, self.mirroring, ranges)

    def _endpoints(self, name: str, model: ModelPlan) -> dict[bytes, Endpoint]:
        made: dict[bytes, Endpoint] = {}
        path = b"/v2/models/" + name.encode()
        if model.arms:
            chances = propensities(model.arms, model.rollout)
            arms = [
                self._arm(name, model, place, arm, answers, chances)
                for place, (arm, answers) in enumerate(
                    zip(model.arms, self._answering(name, model), strict=True)
                )
            ]
            internal = [self._target(name, model, arm.version, INTERNAL, OURS) for arm in model.arms]
            choose, mirrors = chooser(model), self._mirrors(name, model)
            keeping = self._looking(model, arms, internal, choose) or self._keeping(name, model, arms, choose)
            doors = (
                (path + b"/infer", OIP),
                (b"/score/" + name.encode(), SIMPLE),
                (b"/invocations/" + name.encode(), MLFLOW),
                (b"/mlflow/" + name.encode() + b"/invocations", MLFLOW),
            )
            for target, form in doors:
                made[target] = Endpoint(
                    name, "score", form, arms, internal, model.salt, choose, mirrors, keeping
                )
        for number, version in model.versions.items():
            if not version.staged:
                made[path + b"/versions/%d/infer" % number] = self._by_name(name, model, number)
        return made

    def _arm(
        self, name: str, model: ModelPlan, place: int, arm: Arm, answers: Arm, chances: Chances
    ) -> Target:
        """What clients of an arm meet: `answers` is the arm itself, or what stands in for it."""
        return replace(
            self._target(name, model, answers.version, place, answers.reason),
            chance=(lambda unit: chances(unit, arm.version)) if answers is arm else None,
            witness=self._witness(name, model, arm, answers),
            told=answers is arm and model.rollout is not None and model.rollout.counted,
        )

    def _looking(
        self,
        model: ModelPlan,
        targets: Sequence[Target],
        internal: Sequence[Target],
        choose: Callable[[int], int],
    ) -> Looking | None:
        """Where what is asked decides: it is read as the baseline takes it. None elsewhere, and where that
        has no such inputs: then all play alike."""
        rollout = model.rollout
        if rollout is None or not rollout.features:
            return None
        reader = next((each for each in internal if each.version.number == rollout.baseline), None)
        reads = None if reader is None else reading(rollout.features, reader.version.signature)
        if reader is None or reads is None:
            return None
        return Looking(model, rollout, reads, reader, targets, choose)

    def _keeping(
        self, name: str, model: ModelPlan, targets: Sequence[Target], choose: Callable[[int], int]
    ) -> Keeping | None:
        """Where weights move while units come, a unit may keep its arm; else the salt sees to it."""
        if model.rollout is None or model.hashing != RENDEZVOUS:
            return None
        tag = model_tag(name)

        def issuer(version: int, revision: int) -> Issuer:
            return Issuer(self.key, tag, version, revision, KEPT)

        assigner = Assigner(self.key, tag, model.salt)
        return Keeping(assigner, model.revision, model.arms, targets, choose, issuer)

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
        if model.rollout is not None:
            return []
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

    def _witness(self, name: str, model: ModelPlan, arm: Arm, answers: Arm) -> ArmWitness | None:
        """Of what clients of an arm meet; None where that is no evidence."""
        rollout, replaced = model.rollout, answers is not arm
        if rollout is None:
            return None
        teller = self.witnesses.teller(rollout, model)
        pairing = None if replaced else self._pairing(name, model, rollout, teller, arm.version)
        if pairing is None and not rollout.counted:
            return None
        return ArmWitness(teller, arm.version, replaced=replaced, pairing=pairing)

    def _pairing(
        self, name: str, model: ModelPlan, rollout: PlannedRollout, teller: Teller, version: int
    ) -> Pairing | None:
        asked = {*model.mirrors, version}
        about = {number for number in rollout.challengers if number in asked}
        if self.pairs is None or not rollout.pair or rollout.baseline not in asked or not about:
            return None
        signatures = {number: model.versions[number].signature for number in asked}
        baseline, own = signatures[rollout.baseline], signatures[version]
        said = rollout.tolerances
        close = Tolerances.from_json(said) if said else Tolerances.of(Tolerance(), baseline)
        return Pairing(
            self.pairs,
            teller,
            version,
            rollout.baseline,
            {
                number: Comparison.of(baseline, signatures[number], close, rollout.compare)
                for number in sorted(about)
            },
            {
                number: Mirror(
                    replace(self._target(name, model, number, INTERNAL, ARM), told=True),
                    signatures[number].inputs == own.inputs,
                )
                for number in sorted(asked)
            },
            round(rollout.pair * WHOLE),
        )

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

    def _view(self, name: str, model: ModelPlan, doors: Collection[bytes]) -> ModelView:
        keys = model.keys(name)
        versions = {n: self.loaded[key] for n, key in keys.items() if not model.versions[n].staged}
        answering = [self.loaded[keys[arm.version]] for arm in self._answering(name, model)]
        told = model.rollout.id if model.rollout is not None else 0
        return ModelView(name, model.revision, versions, answering, doors=doors, rollout=told)


def _others(before: Picture, renewed: AbstractSet[str]) -> tuple[dict[bytes, Endpoint], dict[str, ModelView]]:
    """What stays of a picture: a thousand models need not be looked at because one has changed."""
    endpoints, models = dict(before.endpoints), dict(before.models)
    for name in renewed & models.keys():
        for door in models.pop(name).doors:
            del endpoints[door]
    for name in [name for name, view in models.items() if view.waiting]:
        del models[name]
    return endpoints, models
