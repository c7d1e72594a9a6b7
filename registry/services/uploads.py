"""An upload becomes a version: bytes into the store, inspected in the sandbox, numbered as one triple.

Order: refuse early → compare digests → same identity? → inspect in the sandbox → store → one transaction.
Bytes that no version names are left to the collector; a row never names bytes the store has not got.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Max

from registry import inspection, policies
from registry.errors import DigestMismatch, NotAllowed, RefusedArtifact
from registry.events import Kind, record
from registry.manifest import FileFact, Manifest, MetricRange, identity
from registry.models import (
    ApiToken,
    Artifact,
    ConfidenceSet,
    DatasetVersion,
    EndToEndSet,
    ExtractorVersion,
    ModelVersion,
    Person,
    RegisteredModel,
    VersionFile,
)
from registry.selectors import access, version_by_digest
from registry.services import labels, terms
from registry.services.builders import stand_behind
from registry.storage import Adopts, ArtifactStore, Stored
from registry.storage.arriving import Mark, mark_of
from registry.stores import artifact_store
from registry.transactions import write
from scoring.crashpoints import crashpoint


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """A file of an upload as it lies in the spool: hashed and counted while it came in.

    `mark` tells the file as it was then from any other, and from what somebody wrote into it later.
    """

    path: Path
    size: int
    sha256: str
    mark: Mark = ()

    @classmethod
    def of(cls, path: Path, stored: Stored) -> SpooledFile:
        return cls(path, stored.size, stored.digest, mark_of(path))

    def keep_in(self, store: ArtifactStore) -> Stored:
        """What the store has after it: the very file where it can be had, else a copy, counted anew."""
        stored = Stored(self.sha256, self.size)
        untouched = self.mark == mark_of(self.path)
        if untouched and isinstance(store, Adopts) and store.adopt(self.path, stored):
            return stored
        with self.path.open("rb") as stream:
            return store.put(stream)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An upload that has been stored and inspected and only wants its rows."""

    manifest: Manifest
    facts: Mapping[str, FileFact]
    digest: str
    inspected: Mapping[str, Any]


def file_facts(manifest: Manifest, files: Mapping[str, SpooledFile]) -> dict[str, FileFact]:
    """What is hashed into the identity. Raises RefusedArtifact naming files that are missing or too many."""
    for key in manifest.files:
        if key not in files:
            raise RefusedArtifact(f"The manifest names {key}, no such part came.", field=f"files.{key}")
    for key in files:
        if key not in manifest.files:
            raise RefusedArtifact(f"A part {key} came that the manifest does not name.", field=f"files.{key}")
    return {key: FileFact(manifest.files[key], f.size, f.sha256) for key, f in files.items()}


def prepare(manifest: Manifest, files: Mapping[str, SpooledFile]) -> Prepared:
    """Inspect in the sandbox, then store. Raises RefusedArtifact; holds no transaction."""
    facts = file_facts(manifest, files)
    found = inspection.inspect(
        {key: f.path for key, f in files.items()},
        manifest=manifest.document(),
        allow_unisolated=settings.ALLOW_UNISOLATED,
    )
    if found.refusals:
        first = found.refusals[0]
        raise RefusedArtifact(
            first.message,
            field=first.field,
            errors=[{"code": r.code, "field": r.field, "message": r.message} for r in found.refusals],
        )
    crashpoint("upload.inspected")
    store = artifact_store()
    for key, spooled in files.items():
        if spooled.keep_in(store).digest != spooled.sha256:
            raise DigestMismatch(f"{key} changed while it was stored: send it again.", field=f"files.{key}")
        crashpoint("upload.stored")
    return Prepared(manifest, facts, identity(manifest, facts), found.to_json())


def existing(
    model: RegisteredModel, manifest: Manifest, files: Mapping[str, SpooledFile]
) -> ModelVersion | None:
    """The version that has this identity already: uploading it again changes nothing."""
    return version_by_digest(model, identity(manifest, file_facts(manifest, files)))


def check_upload(model: RegisteredModel, *, by: Person, token: ApiToken | None) -> None:
    """Raises NotAllowed with the reason."""
    if reason := policies.refuse_upload(access(by, token, model)):
        raise NotAllowed(reason)


def create_version(
    model: RegisteredModel, prepared: Prepared, *, by: Person, token: ApiToken | None
) -> tuple[ModelVersion, bool]:
    """The rows of one version: model, extractor and data with one number, and the event; (version, created).

    The same identity again gives the version that is there.
    """
    check_upload(model, by=by, token=token)
    with write():
        if version := version_by_digest(model, prepared.digest):
            return version, False
        last = model.versions.aggregate(last=Max("number"))["last"] or 0
        version = _version_row(model, last + 1, prepared, by, token)
        _file_rows(version, prepared.facts)
        _lineage_rows(version, prepared)
        _set_rows(version, prepared)
        stand_behind(version, by)
        record(
            Kind.VERSION_UPLOADED,
            f"version/{model.name}/{version.number}",
            actor=(token or by).actor,
            model=model.name,
            number=version.number,
            digest=version.digest,
            owner=by.actor,
            files={key: fact.sha256 for key, fact in sorted(prepared.facts.items())},
        )
        terms.remember(version)
        labels.tag(version, prepared.manifest.tags, actor=(token or by).actor)
        for name in prepared.manifest.aliases:
            labels.move_alias(version, name, actor=(token or by).actor)
        return version, True


def _version_row(
    model: RegisteredModel, number: int, prepared: Prepared, by: Person, token: ApiToken | None
) -> ModelVersion:
    return ModelVersion.objects.create(
        model=model,
        number=number,
        digest=prepared.digest,
        manifest=prepared.manifest.normalised(),
        signature=prepared.inspected["signature"],
        inspection=prepared.inspected,
        size=sum(fact.size for fact in prepared.facts.values()),
        uploaded_by=by,
        uploaded_with=token,
        built_by=prepared.manifest.built.by,
        built_at=prepared.manifest.built.at,
    )


def _file_rows(version: ModelVersion, facts: Mapping[str, FileFact]) -> None:
    for key, fact in facts.items():
        artifact, _ = Artifact.objects.get_or_create(digest=fact.sha256, defaults={"size": fact.size})
        VersionFile.objects.create(version=version, key=key, name=fact.name, artifact=artifact)


def _lineage_rows(version: ModelVersion, prepared: Prepared) -> None:
    extractor = prepared.facts.get("extractor")
    ExtractorVersion.objects.create(
        model=version.model, number=version.number, artifact_id=extractor.sha256 if extractor else None
    )
    data = prepared.manifest.data
    for purpose, reference in (("training", data.training), ("validation", data.validation)):
        DatasetVersion.objects.create(
            model=version.model,
            number=version.number,
            purpose=purpose,
            label=reference.version,
            uri=reference.uri,
            sha256=reference.sha256 or "",
            rows=reference.rows,
        )


def _set_rows(version: ModelVersion, prepared: Prepared) -> None:
    sets, facts, metric = prepared.inspected["sets"], prepared.facts, prepared.manifest.metric
    EndToEndSet.objects.create(
        version=version,
        artifact_id=facts["end_to_end"].sha256,
        rows=sets["end_to_end"]["rows"],
        kind=sets["end_to_end"]["kind"],
    )
    ConfidenceSet.objects.create(
        version=version,
        artifact_id=facts["confidence"].sha256,
        rows=sets["confidence"]["rows"],
        kind=sets["confidence"]["kind"],
        **_metric_columns(metric),
    )


def _metric_columns(metric: MetricRange) -> dict[str, Any]:
    return {
        "metric": metric.name,
        "low": metric.range[0],
        "high": metric.range[1],
        "margin": metric.margin or 0.0,
        "claimed": metric.claimed,
    }
