"""The routing plan: the one small signed document that scoring follows.

No cryptography is imported here: keys are arguments, so a worker can read plans without its cost.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, Self

import msgspec

from formats import plan_before as before
from formats.documents import Count, Digest, Document, Hex, Json
from formats.features import MOST_CONTEXTS, Feature, contexts
from formats.serving import Serving
from formats.types import SAMPLES, Signature
from formats.weights import checked

FORMAT = 1
"""What a node must be able to read: raised when an older node would follow the plan wrongly."""
SCOPES = frozenset({"score", "score-version", "feedback"})
EVERY_MODEL = "*"
MOST_NAMED = 100_000
"""Units of a trial, 8 bytes for each in every worker: of more people it is a share, not a list."""
MOST_BYTES = 64 << 20
"""Of a plan or its envelope: room for the versions of some 10,000 models with long signatures."""
Key = tuple[str, int, str]
"""A version on a node: model, number, identity digest."""
WHOLE = 1 << 53
"""What a model's integer weights sum to. Dividing 64 bits by 2**64 would round the topmost to 1.0."""
PARTS = 64
"""What the arms' parts of one context sum to."""
INTERVAL = "interval"
"""Hashing by which each arm has a stretch of the places, as `scoring.routing.splitter` reads them."""
RENDEZVOUS = "rendezvous"
"""Hashing by which each arm draws for each unit, as `scoring.routing.rendezvous` does."""
ONCE_MORE = 0
"""Number of a version that stands beside itself, in an A/A run: no version that is registered has it."""


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


class Arm(Document, frozen=True, omit_defaults=True):
    """One choosable version. `reason` says why it has its weight (`champion`, `canary:0.05`).

    contexts  its part of the units of each context, where a bandit looks at what is asked: 64 of all arms
    """

    version: int
    weight: int
    reason: str
    contexts: tuple[Count, ...] = ()


def weights(arms: Iterable[Arm]) -> dict[int, int]:
    """Version to its weight. One that was there before a rollout may have several stretches, where others
    have left it theirs."""
    given: dict[int, int] = {}
    for arm in arms:
        given[arm.version] = given.get(arm.version, 0) + arm.weight
    return given


class ArtifactRef(Document, frozen=True):
    """Bytes by digest and length."""

    sha256: Digest
    size: Count


class PlannedVersion(Document, frozen=True):
    """One version that every node loads. `staged` = loaded and checked, but not addressable by anyone yet.

    batchable  a row alone gave at proof what it gives among others
    serving    what the model's policy says of how it is served
    weights    files beside the graphs, by the place at which these name them
    again      of a version that stands beside itself, as number ONCE_MORE: its own number

    A node of the release before does not know `again` and says that another version has answered: so a switch
    to such an entry fails there when it is verified, and no client has met it.
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
    again: Count = 0

    def __post_init__(self) -> None:
        for place in self.weights:
            checked(place)
        if self.again and self.number != ONCE_MORE:
            raise BadPlan(f"a version that stands beside itself has the number {ONCE_MORE} there")

    @property
    def told(self) -> int:
        """The number that clients are told."""
        return self.again or self.number

    @property
    def batching(self) -> bool:
        """Whether its requests may run together."""
        return self.batchable and self.serving.batching

    def artifacts(self) -> tuple[ArtifactRef, ...]:
        named = (self.model, self.extractor, self.answers, *self.weights.values())
        return tuple(ref for ref in named if ref is not None)


class PlannedRollout(Document, frozen=True):
    """What nodes tell of the units that an entry's weights share out (`formats.evidence`).

    id           by which evidence is told
    baseline     the version that the challengers are compared with
    counted      whether answers to clients are evidence; else pairs of answers alone, as in a shadow
    pair         share of units whose requests the other versions are asked too, unheard: the `mirrors`
    sample       units are told of when their draw is below 2**-sample
    slow_ms      thresholds of latency, ascending
    slack_ms     a challenger counts as slow only when it is over one of them by more than this
    tolerances   how far two answers may be apart and still be the same, as `formats.answers.Tolerances`
    compare      outputs by which they differ; none named: all of the baseline's
    even         share of units, by a draw of their own, for whom all arms play alike whatever the weights
    trial        the units that the first challenger answers, whatever the weights: `scoring.routing.named`
    features     what a bandit looks at of a request, by which the arms have parts of each context

    A node of the release before knows none of the last three and goes by the weights alone. So those of a
    trial give everybody to the baseline: nobody else meets the new version there either.
    """

    id: Count
    baseline: Count
    challengers: tuple[Count, ...]
    counted: bool = True
    pair: float = 0.0
    sample: Count = 0
    slow_ms: tuple[float, ...] = ()
    slack_ms: float = 0.0
    tolerances: Json = {}
    compare: tuple[str, ...] = ()
    even: float = 0.0
    trial: str = ""
    features: tuple[Feature, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.pair <= 1:
            raise BadPlan("the pair share of a rollout is from 0 to 1")
        if not 0 <= self.even <= 1:
            raise BadPlan("the even share of a rollout is from 0 to 1")
        if self.trial and not _names_units(self.trial):
            raise BadPlan(f"the units of a trial are at most {MOST_NAMED:,} hashes of 8 bytes, in base64")
        if contexts(self.features) > MOST_CONTEXTS:
            raise BadPlan(f"a bandit's features make at most {MOST_CONTEXTS} contexts")


def _names_units(trial: str) -> bool:
    try:
        size = len(binascii.a2b_base64(trial, strict_mode=True))
    except (binascii.Error, ValueError):
        return False
    return size % 8 == 0 and size <= 8 * MOST_NAMED


class ModelPlan(Document, frozen=True):
    """What one model's traffic does. No arms: nothing is open to clients. `hashing`: interval, rendezvous.

    `fallback` is the version that answers clients on a node that has given up the one they came for.
    `rollout` is there while versions are compared. `reward` is the range of what feedback may say, where
    the model's policy has one; it is in no row, for it is the policy's when the plan goes out.
    """

    revision: Count
    salt: Hex
    arms: tuple[Arm, ...]
    versions: Mapping[int, PlannedVersion]
    mirrors: tuple[int, ...] = ()
    hashing: str = INTERVAL
    fallback: int | None = None
    rollout: PlannedRollout | None = None
    reward: tuple[float, float] | None = None

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
        if self.arms:
            _check_trial(self.rollout, self.arms)
            _check_contexts(self.rollout, self.arms)
        if any(version.number != number for number, version in self.versions.items()):
            raise BadPlan("a version stands under another number than its own")

    def weights(self) -> dict[int, int]:
        return weights(self.arms)

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


def _check_trial(rollout: PlannedRollout | None, arms: tuple[Arm, ...]) -> None:
    """Whoever does not know what a trial is goes by the weights, and must not bring anybody to it."""
    if rollout is None or not rollout.trial:
        return
    weights = {arm.version: arm.weight for arm in arms}
    if not rollout.challengers or rollout.challengers[0] not in weights:
        raise BadPlan("the version that a trial is for is not among the arms")
    if weights.get(rollout.baseline) != WHOLE:
        raise BadPlan("whom a trial does not name comes to the baseline: it has all the weight")


def _check_contexts(rollout: PlannedRollout | None, arms: tuple[Arm, ...]) -> None:
    """Each unit has an arm, whatever it asks."""
    if not any(arm.contexts for arm in arms):
        return
    told = contexts(rollout.features) if rollout is not None else 0
    if any(len(arm.contexts) != told for arm in arms):
        raise BadPlan(f"an arm has parts of other contexts than the {told} that its rollout's features make")
    if any(sum(parts) != PARTS for parts in zip(*(arm.contexts for arm in arms), strict=True)):
        raise BadPlan(f"the parts of a context must sum to {PARTS}")


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
