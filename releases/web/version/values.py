"""What the page of a version shows, one value for each thing that it tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry import selectors as registry_selectors
from registry.services.downloads import opened
from registry.storage.errors import DamagedArtifact
from releases import selectors
from releases.comparing import versions as comparing
from releases.comparing.facts import Change
from releases.proof import evidence
from releases.web.version.lineage import Drawing, Part, drawing
from releases.web.version.triple import digests, triple

if TYPE_CHECKING:
    from registry.models import ModelVersion, Person, VersionFile
    from releases.models import Release

SHOWN_BYTES = 200_000
"""Chosen: far more than anybody reads on a page; the whole file is a download."""
# About two screens of text: a longer card pushes inputs, figures and files out of sight.
LONG_CARD_CHARACTERS = 4_000
LONG_CARD_LINES = 80
"""Two screens: longer cards are folded."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Where a release may be opened, and why not elsewhere: the one reason where nowhere."""

    openable: Sequence[str]
    closed: Mapping[str, str]

    @property
    def refusal(self) -> str:
        if self.openable:
            return ""
        return next(iter(self.closed.values()), "There is no environment to release to.")


def doors(refused: Mapping[str, str]) -> Doors:
    """From each environment's reason, empty where there is none."""
    closed = {name: reason for name, reason in refused.items() if reason}
    return Doors([name for name in refused if name not in closed], closed)


@dataclass(frozen=True, slots=True)
class Texts:
    """The files that are shown on the page itself, empty where a version has none."""

    card: str = ""
    requirements: str = ""
    scoring_code: str = ""

    @property
    def long_card(self) -> bool:
        """Whether the card is shown by its beginning at first."""
        return len(self.card) > LONG_CARD_CHARACTERS or self.card.count("\n") > LONG_CARD_LINES


def texts(files: Mapping[str, VersionFile]) -> Texts:
    """Read from the store."""
    return Texts(**{key: _text(files[key]) for key in Texts.__slots__ if key in files})


def _text(file: VersionFile) -> str:
    """The beginning of a text file; bytes that are no text are shown as replacement characters."""
    try:
        found = opened(file.name, file.artifact.size, file.artifact.digest)
    except DamagedArtifact as trouble:
        return str(trouble)
    with found.stream as stream:
        text = stream.read(SHOWN_BYTES).decode("utf-8", "replace")
    return text if file.artifact.size <= SHOWN_BYTES else f"{text}\n... cut here: download the whole file."


@dataclass(frozen=True, slots=True)
class Proof:
    """The newest release of the version and what its gates measured; nothing where it has none."""

    release: Release | None
    quality: evidence.Quality | None
    latency: Mapping[str, float]


def proof(release: Release | None) -> Proof:
    if release is None:
        return Proof(None, None, {})
    return Proof(release, evidence.quality_of(release), evidence.latency_of(release))


@dataclass(frozen=True, slots=True)
class Against:
    """The live release, its version where that is another one, and what differs from it."""

    live: Release | None
    base: ModelVersion | None
    changes: Sequence[Change]


def against(version: ModelVersion) -> Against:
    """What the version is held against: what is live in the first environment."""
    environment = selectors.environments().first()
    live = selectors.champion(version.model, environment) if environment else None
    base = live.version if live and live.version_id != version.pk else None
    return Against(live, base, comparing.changes(base, version) if base else [])


@dataclass(frozen=True, slots=True)
class Triple:
    """What is locked together, as a list and as a drawing."""

    parts: Sequence[Part]
    drawing: Drawing


def locked(version: ModelVersion, files: Mapping[str, VersionFile], base: ModelVersion | None) -> Triple:
    parts = triple(version, registry_selectors.lineage(version), files, digests(base))
    return Triple(parts, drawing(parts))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a version comes from: as its manifest says, and as it was seen here."""

    built: Mapping[str, Any]
    training: Mapping[str, Any]
    data: Mapping[str, Any]
    findings: Sequence[Any]
    builders: Sequence[Person]
    uploaders: Sequence[str]


def origin(version: ModelVersion) -> Origin:
    manifest = version.manifest
    return Origin(
        built=manifest.get("built", {}),
        training=manifest.get("training", {}),
        data=manifest.get("data", {}),
        findings=(version.inspection or {}).get("findings", []),
        builders=registry_selectors.builders(version),
        uploaders=[uploader.person.get_username() for uploader in version.uploaders.all()],
    )
