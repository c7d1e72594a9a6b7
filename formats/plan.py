"""The routing plan: the one small signed document that scoring follows.

No cryptography is imported here: keys are arguments, so a worker can read plans without its cost.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from formats.types import Signature
from formats.weights import checked

FORMAT = 1
SCOPES = frozenset({"score", "score-version", "feedback"})
EVERY_MODEL = "*"
Key = tuple[str, int, str]
"""A version on a node: model, number, identity digest."""
WHOLE = 1 << 53
"""What a model's integer weights sum to. Dividing 64 bits by 2**64 would round the topmost to 1.0."""
INTERVAL = "interval"
"""Hashing by which each arm has a stretch of the places, as `scoring.routing.splitter` reads them."""
RENDEZVOUS = "rendezvous"
"""Hashing by which each arm draws for each unit, as `scoring.routing.rendezvous` does."""


class BadPlan(Exception):
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


@dataclass(frozen=True, slots=True)
class Arm:
    """One choosable version. `reason` says why it has its weight (`champion`, `canary:0.05`)."""

    version: int
    weight: int
    reason: str


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """Bytes by digest and length."""

    sha256: str
    size: int

    def to_json(self) -> dict[str, Any]:
        return {"sha256": self.sha256, "size": self.size}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ArtifactRef:
        return cls(str(document["sha256"]), int(document["size"]))


@dataclass(frozen=True, slots=True)
class PlannedVersion:
    """One version that every node loads. `staged` = loaded and checked, but not addressable by anyone yet.

    `cache_bytes` bounds the answers that a worker remembers, 0 for none; `log_share` is the share
    of requests that is kept in the prediction log. Without `prepack` workers share the pages of large
    weights instead of laying out copies: less memory, and other last bits than with it. `weights` are
    files beside the graphs, by the place at which these name them.
    """

    number: int
    digest: str
    model: ArtifactRef
    signature: Signature
    extractor: ArtifactRef | None = None
    answers: ArtifactRef | None = None
    rows: str = "samples"
    batching: bool = False
    staged: bool = False
    cache_bytes: int = 0
    log_share: float = 0.0
    prepack: bool = True
    weights: Mapping[str, ArtifactRef] = field(default_factory=dict)

    def artifacts(self) -> tuple[ArtifactRef, ...]:
        named = (self.model, self.extractor, self.answers, *self.weights.values())
        return tuple(ref for ref in named if ref is not None)

    def to_json(self) -> dict[str, Any]:
        return {
            "digest": self.digest,
            "model": self.model.to_json(),
            "extractor": self.extractor.to_json() if self.extractor else None,
            "signature": self.signature.to_json(),
            "rows": self.rows,
            "batching": self.batching,
            "answers": self.answers.to_json() if self.answers else None,
            "staged": self.staged,
            "cache_bytes": self.cache_bytes,
            "log_share": self.log_share,
            "prepack": self.prepack,
            "weights": {place: ref.to_json() for place, ref in self.weights.items()},
        }

    @classmethod
    def from_json(cls, number: int, document: Mapping[str, Any]) -> PlannedVersion:
        extractor, answers = document.get("extractor"), document.get("answers")
        return cls(
            number=number,
            digest=str(document["digest"]),
            model=ArtifactRef.from_json(document["model"]),
            signature=Signature.from_json(document["signature"]),
            extractor=ArtifactRef.from_json(extractor) if extractor else None,
            answers=ArtifactRef.from_json(answers) if answers else None,
            rows=str(document.get("rows", "samples")),
            batching=bool(document.get("batching", False)),
            staged=bool(document.get("staged", False)),
            cache_bytes=int(document.get("cache_bytes", 0)),
            log_share=float(document.get("log_share", 0.0)),
            prepack=bool(document.get("prepack", True)),
            weights={
                checked(place): ArtifactRef.from_json(ref)
                for place, ref in document.get("weights", {}).items()
            },
        )


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """What one model's traffic does. No arms: nothing is open to clients. `hashing`: interval, rendezvous.

    `fallback` is the version that answers clients on a node that has given up the one they came for.
    """

    revision: int
    salt: bytes
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

    def keys(self, name: str) -> dict[int, Key]:
        """Its versions by number, as a node knows them. `name` is the model's."""
        return {number: (name, number, version.digest) for number, version in self.versions.items()}

    def to_json(self) -> dict[str, Any]:
        return {
            "revision": self.revision,
            "salt": self.salt.hex(),
            "arms": [{"version": a.version, "weight": a.weight, "reason": a.reason} for a in self.arms],
            "mirrors": list(self.mirrors),
            "hashing": self.hashing,
            "fallback": self.fallback,
            "versions": {str(number): self.versions[number].to_json() for number in sorted(self.versions)},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ModelPlan:
        arms = [Arm(int(a["version"]), int(a["weight"]), str(a["reason"])) for a in document["arms"]]
        versions = {int(n): PlannedVersion.from_json(int(n), v) for n, v in document["versions"].items()}
        fallback = document.get("fallback")
        return cls(
            revision=int(document["revision"]),
            salt=bytes.fromhex(document["salt"]),
            arms=tuple(arms),
            versions=versions,
            mirrors=tuple(int(number) for number in document.get("mirrors", ())),
            hashing=str(document.get("hashing", INTERVAL)),
            fallback=None if fallback is None else int(fallback),
        )


@dataclass(frozen=True, slots=True)
class PlannedToken:
    """One API token by its text's SHA-256. `expires`: epoch seconds; `internal` marks our own calls."""

    id: str
    sha256: str
    scopes: frozenset[str]
    models: frozenset[str]
    expires: float | None = None
    internal: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "sha256": self.sha256,
            "scopes": sorted(self.scopes),
            "models": sorted(self.models),
            "expires": self.expires,
            "internal": self.internal,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PlannedToken:
        expires = document.get("expires")
        return cls(
            id=str(document["id"]),
            sha256=str(document["sha256"]),
            scopes=_texts(document["scopes"]),
            models=_texts(document["models"]),
            expires=None if expires is None else float(expires),
            internal=bool(document.get("internal", False)),
        )


@dataclass(frozen=True, slots=True)
class RoutingPlan:
    """All that scoring knows of one environment. `sequence` only ever grows; `revision` too, per model.

    Both count within one `installation`: a database that was made anew counts from the beginning.
    `log_digest` is that of the log's line `sequence`: so each node keeps a signed head of the log.
    """

    environment: str
    sequence: int
    issued_at: float
    models: Mapping[str, ModelPlan]
    tokens: tuple[PlannedToken, ...] = ()
    public: bool = False
    installation: str = ""
    log_digest: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "log_digest": self.log_digest,
            "environment": self.environment,
            "installation": self.installation,
            "sequence": self.sequence,
            "issued_at": self.issued_at,
            "public": self.public,
            "tokens": [token.to_json() for token in self.tokens],
            "models": {name: self.models[name].to_json() for name in sorted(self.models)},
        }


def serialise(plan: RoutingPlan) -> str:
    """The plan's canonical JSON: sorted keys, no spaces. The signature covers these bytes."""
    return json.dumps(plan.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def parse(payload: str) -> RoutingPlan:
    """The plan in a payload. Raises BadPlan when it is malformed or of another format."""
    try:
        document = json.loads(payload)
        if document["format"] != FORMAT:
            raise BadPlan(f"the plan has format {document['format']!r}, this node reads format {FORMAT}")
        plan = RoutingPlan(
            environment=str(document["environment"]),
            sequence=int(document["sequence"]),
            issued_at=float(document["issued_at"]),
            models={str(name): ModelPlan.from_json(model) for name, model in document["models"].items()},
            tokens=tuple(PlannedToken.from_json(token) for token in document.get("tokens", ())),
            public=bool(document.get("public", False)),
            installation=str(document.get("installation", "")),
            log_digest=str(document.get("log_digest", "")),
        )
        # Half a character, as an escape can make it, and NaN could be read here and written nowhere.
        json.dumps(plan.to_json(), ensure_ascii=False, allow_nan=False).encode()
        return plan
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise BadPlan(f"the plan is malformed: {type(error).__name__}: {error}") from error


def _texts(words: Any) -> frozenset[str]:
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise TypeError(f"{words!r} is not a list of texts")
    return frozenset(words)


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


def _read_envelope(envelope: str | bytes) -> dict[str, Any]:
    try:
        document = json.loads(envelope)
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
