"""The routing plan: the one small signed document that scoring follows.

No cryptography is imported here: keys are arguments, so a worker can read plans without its cost.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

import msgspec

from formats import plan_before as before
from formats.documents import Count, Digest, Document, Hex, Json
from formats.serving import Serving
from formats.types import SAMPLES, Signature
from formats.weights import checked

FORMAT = 1
SCOPES = frozenset({"score", "score-version", "feedback"})
EVERY_MODEL = "*"
MOST_BYTES = 64 << 20
"""Of a plan or its envelope: room for the versions of some 10,000 models with long signatures."""
Key = tuple[str, int, str]
"""A version on a node: model, number, identity digest."""
WHOLE = 1 << 53
"""What a model's integer weights sum to. Dividing 64 bits by 2**64 would round the topmost to 1.0."""
INTERVAL = "interval"
"""Hashing by which each arm has a stretch of the places, as `scoring.routing.splitter` reads them."""
RENDEZVOUS = "rendezvous"
"""Hashing by which each arm draws for each unit, as `scoring.routing.rendezvous` does."""


class BadPlan(ValueError):
    """A routing plan that is malformed, unsigned or signed by a stranger. The node keeps the one it has."""

    code = "bad_plan"


class PublicKey(Protocol):
    """An Ed25519 public key as the `cryptography` package has it."""

    def verify(self, signature: bytes, data: bytes) -> None: ...

    def public_bytes_raw(self) -> bytes: ...


class PrivateKey(Protocol):
    """An Ed25519 private key as the `cryptography` package has it."""

    def sign(self, data: bytes) -> bytes: ...

    def public_key(self) -> PublicKey: ...


class Arm(Document, frozen=True):
    """One choosable version. `reason` says why it has its weight (`champion`, `canary:0.05`)."""

    version: int
    weight: int
    reason: str


class ArtifactRef(Document, frozen=True):
    """Bytes by digest and length."""

    sha256: Digest
    size: Count


class PlannedVersion(Document, frozen=True):
    """One version that every node loads. `staged` = loaded and checked, but not addressable by anyone yet.

    batchable  a row alone gave at proof what it gives among others
    serving    what the model's policy says of how it is served
    weights    files beside the graphs, by the place at which these name them
    """

    number: Count
    digest: Digest
    model: ArtifactRef
    signature: Signature
    extractor: ArtifactRef | None = None
    answers: ArtifactRef | None = None
    rows: str = SAMPLES
    batchable: bool = False
    serving: Serving = Serving()
    staged: bool = False
    weights: Mapping[str, ArtifactRef] = {}

    def __post_init__(self) -> None:
        for place in self.weights:
            checked(place)

    @property
    def batching(self) -> bool:
        """Whether its requests may run together."""
        return self.batchable and self.serving.batching

    def artifacts(self) -> tuple[ArtifactRef, ...]:
        named = (self.model, self.extractor, self.answers, *self.weights.values())
        return tuple(ref for ref in named if ref is not None)


class ModelPlan(Document, frozen=True):
    """What one model's traffic does. No arms: nothing is open to clients. `hashing`: interval, rendezvous.

    `fallback` is the version that answers clients on a node that has given up the one they came for.
    """

    revision: Count
    salt: Hex
    arms: tuple[Arm, ...]
    versions: Mapping[int, PlannedVersion]
    mirrors: tuple[int, ...] = ()
    hashing: str = INTERVAL
    fallback: int | None = None

    def __post_init__(self) -> None:
        if self.arms and sum(arm.weight for arm in self.arms) != WHOLE:
            raise BadPlan("the weights of a model's arms must sum to 2**53")
        if any(arm.weight < 0 for arm in self.arms):
            raise BadPlan("an arm has a negative weight")
        for number in (*(arm.version for arm in self.arms), *self.mirrors):
            if number not in self.versions or self.versions[number].staged:
                raise BadPlan(f"version {number} has traffic but is not among the open versions")
        if self.fallback is not None and self.fallback not in self.versions:
            raise BadPlan(f"version {self.fallback} is the fallback but is not among the versions")
        if any(version.number != number for number, version in self.versions.items()):
            raise BadPlan("a version stands under another number than its own")

    def keys(self, name: str) -> dict[int, Key]:
        """Its versions by number, as a node knows them. `name` is the model's."""
        return {number: (name, number, version.digest) for number, version in self.versions.items()}

    def built(self) -> Json:
        return before.also_as_before(super().built())

    @classmethod
    def from_json(cls, document: object) -> Self:
        return super().from_json(before.renewed(document))


class PlannedToken(Document, frozen=True):
    """One API token by its text's SHA-256. `expires`: epoch seconds; `internal` marks our own calls."""

    id: str
    sha256: str
    scopes: frozenset[str]
    models: frozenset[str]
    expires: float | None = None
    internal: bool = False


class RoutingPlan(Document, frozen=True, tag_field="format", tag=FORMAT):
    """All that scoring knows of one environment. `sequence` only ever grows; `revision` too, per model.

    Both count within one `installation`: a database that was made anew counts from the beginning.
    `log_digest` is that of the log's line `sequence`: so each node keeps a signed head of the log.
    """

    environment: str
    sequence: Count
    issued_at: float
    models: Mapping[str, ModelPlan]
    tokens: tuple[PlannedToken, ...] = ()
    public: bool = False
    installation: str = ""
    log_digest: str = ""

    def built(self) -> Json:
        document = super().built()
        for entry in document["models"].values():
            before.also_as_before(entry)
        return document


def serialise(plan: RoutingPlan) -> str:
    """The plan's canonical JSON: sorted keys, no spaces. The signature covers these bytes."""
    return msgspec.json.encode(plan.built(), order="sorted").decode()


def parse(payload: str) -> RoutingPlan:
    """The plan in a payload. Raises BadPlan when it is malformed or of another format."""
    try:
        document = _decoded(payload)
        if document["format"] != FORMAT:
            raise BadPlan(f"the plan has format {document['format']!r}, this node reads format {FORMAT}")
        document["models"] = {name: before.renewed(entry) for name, entry in document["models"].items()}
        return RoutingPlan.from_json(document)
    except BadPlan:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise BadPlan(f"the plan is malformed: {type(error).__name__}: {error}") from error


def _decoded(text: str | bytes) -> Any:
    """What the text says in JSON: no NaN and no half of a character, as an escape can make it."""
    if len(text) > MOST_BYTES:
        raise BadPlan(f"the plan has {len(text):,} bytes, this node reads {MOST_BYTES:,} at most")
    return msgspec.json.decode(text)


def key_id(key: PublicKey) -> str:
    """First 16 hex digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def sign(payload: str, private_key: PrivateKey) -> str:
    """The envelope of a payload, as JSON text: payload, key id, Ed25519 signature."""
    signature = base64.b64encode(private_key.sign(payload.encode())).decode()
    envelope = {"payload": payload, "key": key_id(private_key.public_key()), "signature": signature}
    return json.dumps(envelope, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def verify(envelope: str | bytes, keys: Mapping[str, PublicKey]) -> str:
    """The payload of an envelope that one of `keys` (by `key_id`) has signed. Raises BadPlan otherwise."""
    document = _read_envelope(envelope)
    key = keys.get(str(document.get("key")))
    if key is None:
        raise BadPlan(f"the plan is signed with key {document.get('key')!r}, which this node does not trust")
    payload = document["payload"]
    _check(lambda: key.verify(base64.b64decode(document["signature"], validate=True), payload.encode()))
    return str(payload)


def unsigned(envelope: str | bytes) -> str:
    """The payload of an envelope, whoever signed it or nobody. For sandbox cells and tests only."""
    return str(_read_envelope(envelope)["payload"])


def _read_envelope(envelope: str | bytes) -> Json:
    try:
        document = _decoded(envelope)
    except BadPlan:
        raise
    except (ValueError, RecursionError) as error:
        raise BadPlan(f"the plan's envelope is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("payload"), str):
        raise BadPlan("the plan's envelope has no payload")
    return document


def _check(verification: Callable[[], None]) -> None:
    # Whatever goes wrong in here means "not verified"; naming the library's own error would import it.
    try:
        verification()
    except (KeyError, TypeError, binascii.Error) as error:
        raise BadPlan("the plan's signature is malformed") from error
    except Exception as error:
        raise BadPlan("the plan's signature does not match its payload") from error
