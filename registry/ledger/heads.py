"""Signed heads of the log: what is told to other machines, so that a rewrite here contradicts them there.

A signed head says that the log of an installation had this digest at this number. It is Ed25519 over
canonical JSON, by the key of the routing plans, whose public half the nodes have. No Django.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from registry.ledger import canonical


class Signs(Protocol):
    """An Ed25519 private key as the `cryptography` package has it."""

    def sign(self, data: bytes) -> bytes: ...


class Verifies(Protocol):
    """Its public half."""

    def verify(self, signature: bytes, data: bytes) -> None: ...


class BadHead(ValueError):
    """A line that is no signed head, or one that nobody whom we trust has signed."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of one installation's log. `at` is when it was said, in epoch seconds."""

    installation: str
    seq: int
    digest: str
    at: float


def signed(head: Head, key: Signs) -> str:
    """One line of JSON: the head and its signature."""
    signature = base64.b64encode(key.sign(_bytes(head))).decode()
    return canonical({**asdict(head), "signature": signature})


def read(line: str | bytes, key: Verifies) -> Head:
    """The head in a line that `key` has signed: one of ours, or the plan of a node. Raises BadHead."""
    try:
        said: dict[str, Any] = json.loads(line)
        head, stands_for = _of_plan(said) if "payload" in said else _of_head(said)
        signature = base64.b64decode(said["signature"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise BadHead(f"no signed head: {type(error).__name__}: {error}") from error
    try:
        key.verify(signature, stands_for)
    except Exception as error:  # the library's own error would have to be imported to be named
        raise BadHead(f"the head {head.seq} is not signed by this key") from error
    return head


def _of_head(said: dict[str, Any]) -> tuple[Head, bytes]:
    head = Head(str(said["installation"]), int(said["seq"]), str(said["digest"]), float(said["at"]))
    return head, _bytes(head)


def _of_plan(said: dict[str, Any]) -> tuple[Head, bytes]:
    plan = json.loads(said["payload"])
    told = str(plan["installation"]), int(plan["sequence"]), str(plan["log_digest"]), float(plan["issued_at"])
    return Head(*told), str(said["payload"]).encode()


def seen(lines: Iterable[str], key: Verifies) -> tuple[dict[int, str], tuple[str, ...]]:
    """What signed heads say, by number, and what is wrong with them: what was said first is held to."""
    heads: dict[int, str] = {}
    faults = []
    for number, line in enumerate(lines, start=1):
        try:
            head = read(line, key)
        except BadHead as error:
            faults.append(f"line {number} of the signed heads: {error}")
            continue
        if heads.setdefault(head.seq, head.digest) != head.digest:
            faults.append(f"line {number} of the signed heads contradicts an earlier one of event {head.seq}")
    return heads, tuple(faults)


def _bytes(head: Head) -> bytes:
    return canonical(asdict(head)).encode()
