"""Which plans a node follows: signed by a key it trusts, of its environment, newer than what it has."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from importlib import import_module

from msgspec.structs import replace

from formats import shares as weights
from formats.plan import BadPlan, ModelPlan, PublicKey, RoutingPlan, parse, unsigned, verify
from formats.shares import Shares
from scoring.crashpoints import crashpoint
from scoring.node.files import write_atomically
from scoring.node.plans.following import Following
from scoring.node.settings import Settings

log = logging.getLogger(__name__)
_ANOTHER = "ANOTHER INSTALLATION has signed the newest plan: following %s from its sequence %s on"


class Accepting:
    """Takes plans and shares from wherever they come, and keeps the last for a node that starts alone."""

    def __init__(self, settings: Settings, following: Following) -> None:
        """Raises BadKey when the key with which plans are signed cannot be read."""
        self._settings = settings
        self._following = following
        self._last = settings.data / "last_plan.json"
        self._last_shares = settings.data / "last_shares.jsonl"
        self._held: dict[str, tuple[Shares, bytes]] = {}
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
            self._lay_on()

    def offer_shares(self, envelopes: bytes) -> None:
        """Consider new weights, one envelope a line. What comes again, or late, changes nothing; what comes
        before the plan that it belongs to waits for it."""
        known = {envelope for _, envelope in self._held.values()}
        news = [envelope for envelope in envelopes.splitlines() if envelope not in known]
        if [each for each in news if self._holds(each)]:
            self._keep_shares()
            self._lay_on()

    def offer_last(self) -> None:
        """Consider what was followed before the node was started."""
        if self._last.exists():
            self.offer(self._last.read_bytes())
        if self._last_shares.exists():
            self.offer_shares(self._last_shares.read_bytes())

    # ---- plans

    def _read(self, envelope: bytes) -> RoutingPlan:
        plan = parse(self._payload(envelope))
        self._check_environment(plan.environment, "plan")
        return replace(plan, models=self._mine(plan.models))

    def _payload(self, envelope: bytes) -> str:
        return unsigned(envelope) if self._settings.unsigned else verify(envelope, self._keys)

    def _check_environment(self, named: str, what: str) -> None:
        if named != self._settings.environment:
            raise BadPlan(f"the {what} is for {named!r}, this node serves another environment")

    def _mine(self, models: Mapping[str, ModelPlan]) -> dict[str, ModelPlan]:
        return {name: each for name, each in models.items() if self._is_mine(name)}

    def _is_mine(self, model: str) -> bool:
        return fnmatchcase(model, self._settings.models)

    def _keep(self, envelope: bytes) -> None:
        """Before any worker follows it: a node that restarts alone must not fall behind what clients saw."""
        crashpoint("node.accepted")
        try:
            write_atomically(self._last, envelope)
        except OSError as error:
            log.error("the plan could not be kept, a restart may fall behind it: %s", error)
        crashpoint("node.kept")

    # ---- shares

    def _holds(self, envelope: bytes) -> bool:
        """Whether the envelope has weights that are newer than all that is known of their model."""
        try:
            shares = weights.parse(self._payload(envelope))
            self._check_environment(shares.environment, "shares of a model")
        except BadPlan as error:
            log.error("new shares were refused: %s", error)
            return False
        if not self._is_mine(shares.model) or not self._is_news(shares):
            return False
        self._held[shares.model] = shares, envelope
        return True

    def _is_news(self, shares: Shares) -> bool:
        """By its sequence and its revision: neither ever goes back. What another database has signed is none,
        before a plan of it is followed."""
        wanted, held = self._following.desired.wanted, self._held.get(shares.model)
        if wanted is None:
            return False
        entry = wanted.models.get(shares.model)
        return (
            _is_after(shares, wanted)
            and (held is None or shares.sequence > held[0].sequence)
            and (entry is None or shares.revision > entry.revision)
        )

    def _lay_on(self) -> None:
        """Follow the weights that fit; forget those that the plan has passed."""
        for shares, _ in list(self._held.values()):
            try:
                self._following.reshare(shares)
            except BadPlan as error:
                log.error("new shares of %s were refused: %s", shares.model, error)
                del self._held[shares.model]
        if (plan := self._following.desired.wanted) is not None:
            self._held = {name: each for name, each in self._held.items() if _is_after(each[0], plan)}

    def _keep_shares(self) -> None:
        """As plans are. What the kept plan has passed already is written with the next that comes."""
        crashpoint("node.heard_shares")
        held: Iterable[bytes] = (envelope for _, envelope in self._held.values())
        try:
            write_atomically(self._last_shares, b"\n".join(held))
        except OSError as error:
            log.error("new shares could not be kept, a restart may fall behind them: %s", error)
        crashpoint("node.kept_shares")


def _is_after(shares: Shares, plan: RoutingPlan) -> bool:
    return shares.sequence > plan.sequence and shares.installation == plan.installation
