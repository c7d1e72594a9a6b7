"""Request ids that describe themselves: feedback finds its arm, unit and time without a stored row.

35 bytes of fields and a 13-byte keyed BLAKE2b tag make exactly 64 characters of URL-safe base64:
no padding and no spare bits, so an id has one spelling. Ids of the form before this one, which did not
say how many rows were asked (33 and 15 bytes), are read as long as feedback counts for them.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from dataclasses import dataclass
from hashlib import blake2b, sha256
from hmac import compare_digest
from struct import Struct
from typing import NamedTuple

from scoring.errors import BadRequestId

KEY_BYTES = 32
"""As many as its digest has."""
BY_NAME = 255
"""Arm of a request that named its version itself: no arm earned it."""
INTERNAL = 254
"""Arm of our own verification calls: kept out of evidence and rewards."""
KEPT = 253
"""Arm of a request whose unit kept the version that the revision in its id had given it: at which place the
version stood there, nobody needs to know."""

_ISSUE = Struct(">8sIIB")
_MOMENT = Struct(">QHIHH")
_TAG_BYTES = 13
"""104 bits: nobody guesses one, and the id has 64 characters."""
_PERSON = b"assay-request-2"
_MOMENT_BEFORE = Struct(">QHIH")
_TAG_BYTES_BEFORE = 15
"""Of ids that the release before gave, whose feedback may still come."""
_PERSON_BEFORE = b"assay-request-id"
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/", b"+/!!")
_COUNTERS = 1 << 16
"""Ids of one worker within a millisecond, in two bytes."""
MOST_ROWS = (1 << 16) - 1
"""What two bytes hold; of more rows the id says none."""


@dataclass(frozen=True, slots=True)
class RequestId:
    """What an id says. `model` is `model_tag(name)`, `unit` the `routing.unit_hasher`, `at_ms` epoch ms.

    `rows` is 0 where the id does not say, because the request had too many or is older than that.
    """

    model: bytes
    version: int
    revision: int
    arm: int
    unit: int
    at_ms: int
    counter: int
    rows: int = 0


class Recorded(NamedTuple):
    """What is read of an id without its key."""

    arm: int
    unit: int
    revision: int


def model_tag(name: str) -> bytes:
    """The 8 bytes that stand for a model's name in an id."""
    return sha256(name.encode()).digest()[:8]


class Issuer:
    """Makes the ids of one (model, version, revision, arm); its hasher has these fields already."""

    __slots__ = ("_hasher", "_prefix")

    def __init__(self, key: bytes, model: bytes, version: int, revision: int, arm: int) -> None:
        self._prefix = _ISSUE.pack(model, version, revision, arm)
        self._hasher = _keyed(key, _TAG_BYTES, _PERSON)
        self._hasher.update(self._prefix)

    def issue(self, unit: int, at_ms: int, counter: int, rows: int) -> bytes:
        """64 characters. `counter` tells ids of one millisecond and unit apart; it wraps at 65,536."""
        told = rows if rows <= MOST_ROWS else 0
        moment = _MOMENT.pack(unit, at_ms >> 32, at_ms & 0xFFFFFFFF, counter % _COUNTERS, told)
        hasher = self._hasher.copy()
        hasher.update(moment)
        return b2a_base64(self._prefix + moment + hasher.digest(), newline=False).translate(_TO_URL)


def make(key: bytes, fields: RequestId) -> str:
    """The id of these fields under the installation's key of 32 random bytes."""
    issuer = Issuer(key, fields.model, fields.version, fields.revision, fields.arm)
    return issuer.issue(fields.unit, fields.at_ms, fields.counter, fields.rows).decode()


def parse(text: str, key: bytes) -> RequestId:
    """The fields of an id. Raises BadRequestId unless this key made exactly this text."""
    try:
        raw = a2b_base64(text.encode("ascii").translate(_FROM_URL), strict_mode=True)
    except (Error, UnicodeEncodeError):
        raise BadRequestId("this is not a request id: it has 64 letters, digits, - and _") from None
    if len(text) == 64 and _is_ours(raw, key, _TAG_BYTES, _PERSON):
        return _read(raw, _MOMENT)
    if len(text) == 64 and _is_ours(raw, key, _TAG_BYTES_BEFORE, _PERSON_BEFORE):
        return _read(raw, _MOMENT_BEFORE)
    raise BadRequestId("this request id was not made here, or was changed on its way")


def recorded(text: str) -> Recorded:
    """What an id says that was made here, or that `parse` has read before, whatever its key has become."""
    raw = a2b_base64(text.encode("ascii").translate(_FROM_URL))
    _, _, revision, arm = _ISSUE.unpack_from(raw)
    return Recorded(arm, _MOMENT.unpack_from(raw, _ISSUE.size)[0], revision)


def _is_ours(raw: bytes, key: bytes, tag_bytes: int, person: bytes) -> bool:
    hasher = _keyed(key, tag_bytes, person)
    hasher.update(raw[:-tag_bytes])
    return compare_digest(hasher.digest(), raw[-tag_bytes:])


def _read(raw: bytes, form: Struct) -> RequestId:
    model, version, revision, arm = _ISSUE.unpack_from(raw)
    unit, high, low, *counts = form.unpack_from(raw, _ISSUE.size)
    return RequestId(model, version, revision, arm, unit, (high << 32) | low, *counts)


def _keyed(key: bytes, tag_bytes: int, person: bytes) -> blake2b:
    if len(key) != KEY_BYTES:
        raise ValueError(f"the request key has {len(key)} bytes: it takes {KEY_BYTES} random ones")
    return blake2b(key=key, digest_size=tag_bytes, person=person)
