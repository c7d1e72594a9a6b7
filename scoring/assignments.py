"""What a client may send back to keep its arm while a bandit's weights move: `X-Assay-Assignment`.

Nobody can tell a new unit from an old one without keeping all of them, so the answer carries what it takes:
`<revision>.<version>.<digest>`, the revision of the weights by which the unit got its version. Its
propensity is that revision's, however long the unit keeps the arm. The digest binds it to the model, the
rollout (by its salt) and the unit that was named, so that an arm can be neither chosen nor handed on.

Who names no unit is given one: `<revision>.<version>.<unit>.<digest>` has its 64 bits, and whoever sends
that back is this unit. So many requests with one such text are one unit of the evidence, not many.
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
LONGEST = 64
"""Bytes of a text that is looked at; ours are shorter."""
_PERSON = b"assay-assignment"
_DIGEST_BYTES = 12
"""96 bits: nobody guesses one, and a header stays short."""
_LARGEST = (1 << 32) - 1
"""Both are packed in 32 bits."""
_FORM = re.compile(
    rb"(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})\.(?:([0-9a-f]{16})\.)?([A-Za-z0-9_-]{16})", re.ASCII
)
_TO_URL = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, slots=True)
class Assignment:
    """The version that a unit has got, and the revision whose weights gave it; both below 2**32.

    unit    the 64 bits of the unit (`routing.unit_hasher`)
    named   whether the client named it; else these bits are told with the rest
    """

    revision: int
    version: int
    unit: int
    named: bool = True


class Assigner:
    """Writes and reads the assignments of one rollout of one model."""

    def __init__(self, key: bytes, model: bytes, salt: bytes) -> None:
        """Under the installation's key of 32 random bytes. `model` is the `request_ids.model_tag` of its
        name; `salt` the rollout's: what was assigned in the one before is void."""
        self._prepared = blake2b(key=key, digest_size=_DIGEST_BYTES, person=_PERSON)
        self._prepared.update(model + salt)

    def make(self, assignment: Assignment) -> bytes:
        """The text: digits, letters, dots, - and _."""
        said, unit = assignment, b"" if assignment.named else b"%016x." % assignment.unit
        return b"%d.%d.%b%b" % (said.revision, said.version, unit, self._digest(said))

    def read(self, text: bytes, unit: int | None) -> Assignment | None:
        """What a text says of the unit that the request names, or of the one in it where it names none.

        None unless this key made exactly this text for that. No error: a text of a rollout that is over, or
        of another unit, is what clients will send. Such a request is assigned like one without.
        """
        found = _FORM.fullmatch(text) if len(text) <= LONGEST else None
        if found is None or (found[3] is None) != (unit is not None):
            return None
        told = int(found[3], 16) if unit is None else unit
        said = Assignment(int(found[1]), int(found[2]), told, named=unit is not None)
        if max(said.revision, said.version) > _LARGEST:
            return None
        return said if compare_digest(found[4], self._digest(said)) else None

    def _digest(self, said: Assignment) -> bytes:
        hasher = self._prepared.copy()
        hasher.update(said.revision.to_bytes(4, "big") + said.version.to_bytes(4, "big"))
        hasher.update((b"\1" if said.named else b"\0") + said.unit.to_bytes(8, "big"))
        return b2a_base64(hasher.digest(), newline=False).translate(_TO_URL)


def kept(arms: Sequence[Arm], assignment: Assignment) -> int | None:
    """Index of the arm that the unit keeps; None where it has left, or was taken out, and gets nobody."""
    for index, arm in enumerate(arms):
        if arm.version == assignment.version and arm.weight > 0:
            return index
    return None
