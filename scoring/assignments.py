"""What a client may send back to keep its arm while a bandit's weights move: `X-Assay-Assignment`.

Nobody can tell a new unit from an old one without keeping all of them, so the answer carries what it takes:
`<revision>.<version>.<digest>`, the revision of the weights by which the unit got its version. Its
propensity is that revision's, however long the unit keeps the arm. The digest binds it to the model, the
rollout (by its salt) and the unit that was named, so that an arm can be neither chosen nor handed on.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest

from formats.plan import Arm

HEADER = "X-Assay-Assignment"
_PERSON = b"assay-assignment"
_DIGEST_BYTES = 12
_LARGEST = (1 << 32) - 1
_FORM = re.compile(r"(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})\.([A-Za-z0-9_-]{16})", re.ASCII)
_TO_URL = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, slots=True)
class Assignment:
    """The version that a unit has got, and the revision whose weights gave it; both below 2**32."""

    revision: int
    version: int


@dataclass(frozen=True, slots=True)
class Binding:
    """Whom an assignment is for.

    model   `request_ids.model_tag` of its name
    salt    of the rollout: what was assigned in the one before is void
    unit    `routing.unit_hasher` of the unit that the client named, None where it named none
    """

    model: bytes
    salt: bytes
    unit: int | None


def make(key: bytes, binding: Binding, assignment: Assignment) -> str:
    """The token under the installation's key of 32 random bytes: letters, digits, dots, - and _."""
    digest = _digest(key, binding, assignment)
    return f"{assignment.revision}.{assignment.version}.{digest}"


def read(text: str, key: bytes, binding: Binding) -> Assignment | None:
    """What a token says, None unless this key made exactly this text for this binding.

    No error: a token of a rollout that is over, or of another unit, is what clients will send. Such a
    request is assigned like one without.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    assignment = Assignment(int(found[1]), int(found[2]))
    if max(assignment.revision, assignment.version) > _LARGEST:
        return None
    return assignment if compare_digest(found[3], _digest(key, binding, assignment)) else None


def kept(arms: Sequence[Arm], assignment: Assignment) -> int | None:
    """Index of the arm that the unit keeps; None where it has left, or was taken out, and gets nobody."""
    for index, arm in enumerate(arms):
        if arm.version == assignment.version and arm.weight > 0:
            return index
    return None


def _digest(key: bytes, binding: Binding, assignment: Assignment) -> str:
    hasher = blake2b(key=key, digest_size=_DIGEST_BYTES, person=_PERSON)
    hasher.update(binding.model)
    hasher.update(assignment.revision.to_bytes(4, "big") + assignment.version.to_bytes(4, "big"))
    hasher.update(b"\0" if binding.unit is None else b"\1" + binding.unit.to_bytes(8, "big"))
    hasher.update(binding.salt)
    return b2a_base64(hasher.digest(), newline=False).translate(_TO_URL).decode()
