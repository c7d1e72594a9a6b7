"""Which plans a node follows: signed by a key it trusts, of its environment, newer than what it has."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib import import_module

from msgspec.structs import replace

from formats.plan import BadPlan, ModelPlan, PublicKey, RoutingPlan, parse, unsigned, verify
from scoring.crashpoints import crashpoint
from scoring.node.files import write_atomically
from scoring.node.plans.following import Following
from scoring.node.settings import Settings

log = logging.getLogger(__name__)
_ANOTHER = "ANOTHER INSTALLATION has signed the newest plan: following %s from its sequence %s on"


class Accepting:
    """Takes plans from wherever they come, and keeps the last one for a node that starts alone."""

    def __init__(self, settings: Settings, following: Following) -> None:
        """Raises BadKey when the key with which plans are signed cannot be read."""
        self._settings = settings
        self._following = following
        self._last = settings.data / "last_plan.json"
        self._keys: dict[str, PublicKey] = {}
        if settings.plan_key is not None:
            self._keys = import_module("scoring.node.plans.keys").read_plan_keys(settings.plan_key)

    def offer(self, envelope: bytes) -> None:
        """Consider a plan. Refused ones are logged and change nothing."""
        try:
            plan = self._read(envelope)
        except BadPlan as error:
            log.error("a plan was refused: %s", error)
            return
        desired = self._following.desired
        if desired.is_news(plan):
            if desired.is_of_another(plan):
                log.warning(_ANOTHER, plan.installation, plan.sequence)
            self._keep(envelope)
            self._following.follow(plan)

    def offer_last(self) -> None:
        """Consider the plan that was followed before the node was started."""
        if self._last.exists():
            self.offer(self._last.read_bytes())

    def _read(self, envelope: bytes) -> RoutingPlan:
        payload = unsigned(envelope) if self._settings.unsigned else verify(envelope, self._keys)
        plan = parse(payload)
        if plan.environment != self._settings.environment:
            raise BadPlan(f"the plan is for {plan.environment!r}, this node serves another environment")
        return replace(plan, models=self._mine(plan.models))

    def _mine(self, models: Mapping[str, ModelPlan]) -> dict[str, ModelPlan]:
        return {name: each for name, each in models.items() if fnmatchcase(name, self._settings.models)}

    def _keep(self, envelope: bytes) -> None:
        """Before any worker follows it: a node that restarts alone must not fall behind what clients saw."""
        crashpoint("node.accepted")
        try:
            write_atomically(self._last, envelope)
        except OSError as error:
            log.error("the plan could not be kept, a restart may fall behind it: %s", error)
        crashpoint("node.kept")
