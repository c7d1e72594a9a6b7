"""Rewards and labels as they arrive beside the score: what a request id alone can decide is decided here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from scoring.errors import BadRequest, BadRequestId
from scoring.protocols.strict import decode, refuse_duplicates
from scoring.request_ids import INTERNAL, parse

ACCEPTED, LATE, INVALID = "accepted", "late", "invalid"
_FROM_THE_FUTURE_MS = 60_000
_Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """One reward (a finite number) or one label (a text, a number, true or false) for one request id."""

    request_id: str
    reward: float | UnsetType = UNSET
    label: str | bool | _Whole | float | UnsetType = UNSET

    def facts(self, at: float) -> dict[str, Any]:
        """What goes into the spool. `at` is epoch seconds."""
        value: dict[str, Any] = {"label": self.label} if self.reward is UNSET else {"reward": self.reward}
        return {"request_id": self.request_id, "at": at, **value}


@dataclass(frozen=True, slots=True)
class Judged:
    """A status for every item, in order, and the facts of the accepted ones."""

    statuses: list[dict[str, str]]
    accepted: list[dict[str, Any]]


_decode = msgspec.json.Decoder(list[Item] | Item).decode


def read(body: bytes, most: int) -> list[Item]:
    """The items in a body, which holds one or a list. Raises BadRequest."""
    items = decode(_decode, body)
    items = items if isinstance(items, list) else [items]
    refuse_duplicates(body)
    if len(items) > most:
        raise BadRequest(f"one call takes at most {most} items, this one has {len(items)}")
    return items


def judge(items: list[Item], *, key: bytes, now: float, window: float) -> Judged:
    """Sort items into accepted, late (`window` seconds after the score) and invalid. `now`: epoch seconds."""
    statuses, accepted = [], []
    for item in items:
        status = _status(item, key, now, window)
        statuses.append({"request_id": item.request_id, "status": status})
        if status == ACCEPTED:
            accepted.append(item.facts(now))
    return Judged(statuses, accepted)


def _status(item: Item, key: bytes, now: float, window: float) -> str:
    if (item.reward is UNSET) == (item.label is UNSET):
        return INVALID
    try:
        fields = parse(item.request_id, key)
    except BadRequestId:
        return INVALID
    if fields.arm == INTERNAL or fields.at_ms > now * 1000 + _FROM_THE_FUTURE_MS:
        return INVALID
    return LATE if fields.at_ms < (now - window) * 1000 else ACCEPTED
