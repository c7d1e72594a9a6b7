"""Opening a release of a version: the strategies that are offered, with what each would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.errors import BadInput
from registry.manifest import reading
from registry.manifest.errors import BadManifest
from releases import looks
from releases.rollout import staging
from releases.rollout.designs.design import OFFERED, Design, Kind
from releases.rollout.documents import lists
from releases.web.rollout import foretold, values, words

if TYPE_CHECKING:
    from registry.model_policy import ModelPolicy, StageList
    from releases.rollout.forecasting.ahead import Past

FIELDS = ("environment", "kind", "no_shadow", "ask", "document")
AGAINST = "against"
"""The other versions that are tried beside it, by number: any of them may be ticked."""
_LIST = "list:"
"""Before the name of a list, where a kind may be chosen too."""
MOST_CHARACTERS = 20_000
"""Twenty stages with all of their options written out."""
EXAMPLE = """kind: canary
mode: propose
stages:
  - {kind: shadow, min: 30m}
  - {kind: split, share: 0.02, min: 1h, max: 1d}
  - {kind: split, share: 0.5, min: 1h, max: 2d, ends: promotable}"""


@dataclass(frozen=True, slots=True)
class Offer:
    """One strategy as it would go, by its name alone, or by a list of the policy."""

    kind: str
    name: str
    told: str
    rungs: Sequence[values.Rung]
    foretold: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Other:
    """A version that may be tried beside it, and where it is approved."""

    number: int
    where: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """The form: what is offered, and what somebody has filled in already."""

    offers: Sequence[Offer]
    others: Sequence[Other]
    chosen: str
    said: Mapping[str, str]
    refusal: str = ""
    field: str = ""
    example: str = EXAMPLE

    @property
    def wrong(self) -> bool:
        """Whether it is what was chosen or written here that was refused."""
        return self.field.partition(".")[0] == "strategy"


def opening(
    number: int,
    live: int | None,
    policy: ModelPolicy,
    said: Mapping[str, str],
    refusal: BadInput | None = None,
    past: Past | None = None,
    approved: Mapping[int, Sequence[str]] | None = None,
) -> Opening:
    """Where nothing is live there is nobody to compare with: a release goes out at once, whatever it says.

    approved  other versions, and the environments in which they may take part
    """
    baseline = str(live) if live else lists.LIVE
    asked: list[tuple[str, str, str, Mapping[str, object]]] = [
        *((str(kind), looks.STRATEGIES[kind], words.DOES[kind], {"kind": kind}) for kind in OFFERED),
        *((f"{_LIST}{name}", *_named(name, each), {"list": name}) for name, each in policy.lists.items()),
    ]
    offers = [
        Offer(value, name, told, values.planned(design), foretold.told(design, past) if live else ())
        for value, name, told, strategy in asked
        if (design := _designed(strategy, number, baseline, policy))
    ]
    chosen = said.get("kind") or (Kind.CANARY if live and Kind.CANARY in OFFERED else Kind.SINGLE)
    field = str(refusal.facts.get("field", "")) if refusal else ""
    ticked, beside = _ticked(said), sorted((approved or {}).items())
    others = [Other(other, words.joined(where), other in ticked) for other, where in beside]
    return Opening(offers, others, chosen, said, str(refusal) if refusal else "", field)


def _ticked(said: Mapping[str, str]) -> list[int]:
    return [int(number) for number in said.get(AGAINST, "").split(",") if number.isdecimal()]


def _named(name: str, each: StageList) -> tuple[str, str]:
    many = len(each.stages)
    kind = looks.STRATEGIES[each.kind] if each.kind in OFFERED else each.kind
    return (
        name.replace("_", " ").capitalize(),
        f"{many} stage{'' if many == 1 else 's'} that the model's policy has saved, by the rules of {kind}",
    )


def _designed(
    strategy: Mapping[str, object], number: int, baseline: str, policy: ModelPolicy
) -> Design | None:
    """None of a strategy that its name alone does not say enough of: a test, where no metric is known."""
    try:
        whole = lists.spelled_out(strategy, policy)
        return staging.designed(whole, str(number), baseline, catalogue=policy.metrics)
    except BadInput:
        return None


def strategy(said: Mapping[str, str]) -> dict[str, object]:
    """What the form asks for; a document goes before what is chosen. Raises BadInput naming the field."""
    if text := said.get("document", "").strip():
        return _document(text)
    chosen = said.get("kind") or str(Kind.SINGLE)
    is_list = chosen.startswith(_LIST)
    asked: dict[str, object] = {"list": chosen.removeprefix(_LIST)} if is_list else {"kind": chosen}
    if chosen != Kind.SINGLE and said.get("no_shadow"):
        asked["shadow"] = False
    if chosen != Kind.SINGLE and said.get("ask"):
        asked["mode"] = "propose"
    if against := _ticked(said):
        asked[AGAINST] = against
    return asked


def _document(text: str) -> dict[str, object]:
    """As in a manifest: with `strategy:` around it, or without."""
    if len(text) > MOST_CHARACTERS:
        raise BadInput(f"Write at most {MOST_CHARACTERS:,} characters.", field="strategy")
    try:
        read: dict[str, object] = reading.read(text.encode())
    except BadManifest as trouble:
        told = str(trouble).replace("the manifest", "the document")
        raise BadInput(f"The strategy cannot be read: {told}", field="strategy") from trouble
    inner = read.get("strategy")
    return dict(inner) if isinstance(inner, dict) and len(read) == 1 else read
