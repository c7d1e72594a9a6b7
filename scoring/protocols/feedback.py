"""Rewards and labels: the one judge of both doors, here beside the score and in the control plane.

What a request id and the item alone can decide is decided here: its form, whose answer it speaks of, and
whether it comes in time. Every refusal has its reason in words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from scoring.errors import BadRequest, BadRequestId
from scoring.protocols.strict import decode, refuse_duplicates
from scoring.request_ids import BY_NAME, INTERNAL, RequestId, parse

ACCEPTED, LATE, INVALID = "accepted", "late", "invalid"
MOST_REWARD = 1e9
"""The largest reward either way: one slip of a client must not become the mean."""
MOST_LABELS = 8192
"""As many rows as one run has."""
LONGEST_TEXT = 1000
"""A label is a class or a short text; each is kept in a row."""
_FROM_THE_FUTURE_MS = 60_000
"""So much clocks of two nodes may differ: one answered, the other hears of it."""
_MEMBERS = ("request_id", "reward", "label")
Item = Mapping[str, Any]
"""One item as it came; `verdict` says whether it is one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one item. `reason` says why it does not count; `answer` is whose feedback it is."""

    status: str
    reason: str = ""
    answer: RequestId | None = None

    def told(self, item: Item) -> dict[str, str]:
        """The item's line of the answer."""
        return told(item, self.status, self.reason)


class Bounds(NamedTuple):
    """What a reward for an answer of the model may be."""

    model: str
    low: float
    high: float

    def wrong(self, reward: float) -> str:
        """What is wrong with a reward: it is refused, not cut to fit. Empty where nothing is."""
        if self.low <= reward <= self.high:
            return ""
        return f"reward must be between {self.low:g} and {self.high:g}, as the policy of {self.model} says"


Ranges = Mapping[bytes, Bounds]
"""By the tag of the model in its request ids."""
EVERYTHING: Ranges = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Judged:
    """A status for every item, in order, and the facts of the accepted ones. `beyond`: how many rewards are
    beyond their range."""

    statuses: list[dict[str, str]]
    accepted: list[dict[str, object]]
    beyond: int = 0


_decode = msgspec.json.Decoder(list[dict[str, Any]] | dict[str, Any]).decode


def read(body: bytes, most: int) -> Sequence[Item]:
    """The items in a body, which holds one or a list. Raises BadRequest."""
    items = decode(_decode, body)
    items = items if isinstance(items, list) else [items]
    refuse_duplicates(body)
    if len(items) > most:
        raise BadRequest(f"one call takes at most {most} items, this one has {len(items)}")
    return items


def judge(
    items: Sequence[Item], *, key: bytes, now: float, window: float, ranges: Ranges = EVERYTHING
) -> Judged:
    """Sort items into accepted, late and invalid, as `verdict` does; the accepted ones for the spool."""
    statuses, accepted, beyond = [], [], 0
    for item in items:
        found = verdict(item, key=key, now=now, window=window)
        if wrong := _beyond(found, item, ranges):
            found, beyond = Verdict(INVALID, wrong), beyond + 1
        statuses.append(found.told(item))
        if found.status == ACCEPTED:
            accepted.append({**given(item), "at": now})
    return Judged(statuses, accepted, beyond)


def _beyond(found: Verdict, item: Item, ranges: Ranges) -> str:
    bounds = ranges.get(found.answer.model) if found.status == ACCEPTED and found.answer else None
    reward = item.get("reward")
    return "" if bounds is None or reward is None else bounds.wrong(reward)


def verdict(item: Item, *, key: bytes, now: float, window: float) -> Verdict:
    """Whether an item counts `window` seconds after its score or sooner. `now`: epoch seconds."""
    wrong = _form(item)
    if wrong:
        return Verdict(INVALID, wrong)
    try:
        answer = parse(item["request_id"], key)
    except BadRequestId as error:
        return Verdict(INVALID, str(error))
    if answer.arm == INTERNAL:
        return Verdict(INVALID, "this answer was given to our own verification, not to a client")
    if answer.arm == BY_NAME:
        return Verdict(INVALID, "this answer was asked for by version number: no arm has earned it")
    if answer.at_ms > now * 1000 + _FROM_THE_FUTURE_MS:
        return Verdict(INVALID, "this answer is from the future: a clock is wrong")
    if answer.at_ms < (now - window) * 1000:
        return Verdict(LATE, f"feedback counts for {window / 86400:g} days after the answer", answer)
    if wrong := _rows(item.get("label"), answer.rows):
        return Verdict(INVALID, wrong)
    return Verdict(ACCEPTED, "", answer)


def given(item: Item) -> dict[str, object]:
    """The members that say something: a null says nothing."""
    return {name: item[name] for name in _MEMBERS if item.get(name) is not None}


def told(item: Item, status: str, reason: str) -> dict[str, str]:
    """What is answered about an item. Its id may be anything, and of any length."""
    said = item.get("request_id")
    line = {"request_id": said[:200] if isinstance(said, str) else "", "status": status}
    return {**line, "reason": reason} if reason else line


def _form(item: Item) -> str:
    """What is wrong with an item's form; empty where nothing is."""
    unknown = sorted(item.keys() - set(_MEMBERS))
    if unknown:
        return f"an item has request_id and reward or label, not {unknown[0][:80]!r}"
    if not isinstance(item.get("request_id"), str):
        return "request_id must be the text that the answer carried"
    reward, label = item.get("reward"), item.get("label")
    if (reward is None) == (label is None):
        return "an item has either a reward or a label"
    return _reward(reward) if label is None else _label(label)


def _reward(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "reward must be a number"
    # Also false for NaN.
    fits = abs(value) <= MOST_REWARD
    return "" if fits else f"reward must be between -{MOST_REWARD:g} and {MOST_REWARD:g}"


def _label(value: object) -> str:
    """A label is one value, or a list with one for each row of the request."""
    if not isinstance(value, list):
        return _value(value)
    if not 0 < len(value) <= MOST_LABELS:
        return f"a list of labels has one for each row of the request, 1 to {MOST_LABELS}"
    return next((f"label {row}: {wrong}" for row, each in enumerate(value) if (wrong := _value(each))), "")


def _rows(label: object, rows: int) -> str:
    """What is wrong with a label for a request of so many rows; nothing where the id does not say."""
    if label is None or not rows:
        return ""
    if isinstance(label, list):
        return (
            ""
            if len(label) == rows
            else f"{_many(len(label), 'label')} for {_many(rows, 'row')}: one for each"
        )
    return "" if rows == 1 else f"one label for {_many(rows, 'row')}: send a list with one for each"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _value(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return "" if -(2**63) <= value < 2**63 else "a whole number has at most 64 bits"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "a number must be finite"
    return "a label is a text, a number, true or false, or a list with one of these for each row"


def _text(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        return f"a text has at most {LONGEST_TEXT} characters"
    whole = "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
    return "" if whole else "a text must not hold the character NUL or half a character"
