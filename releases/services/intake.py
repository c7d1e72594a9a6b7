"""CI's upload: files in, a version out, and the release that the manifest wishes for, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from registry import selectors as registry_selectors
from registry.errors import BadInput
from registry.manifest import Manifest
from registry.models import ApiToken, ModelVersion, Person, RegisteredModel
from registry.services import uploads
from registry.services.uploads import SpooledFile
from registry.transactions import refuse_no_room, write
from releases import selectors
from releases.models import Release
from releases.services.opening import check_strategy, open_release
from scoring.crashpoints import crashpoint


def take_upload(
    model: RegisteredModel,
    manifest: Manifest,
    files: Mapping[str, SpooledFile],
    *,
    by: Person,
    token: ApiToken | None = None,
) -> tuple[ModelVersion, Release | None, bool]:
    """(version, its newest release, whether the version is new). The same identity again changes nothing.

    Raises NotAllowed, BadInput, RefusedArtifact, and what the store raises; nothing is visible then.
    """
    uploads.check_upload(model, by=by, token=token)
    if not registry_selectors.is_called(model, manifest.model):
        raise BadInput(
            f"The manifest is for {manifest.model!r}, the address says {model.called!r}.", field="model"
        )
    manifest = replace(manifest, model=model.name)  # one identity, however the model was called
    wish = manifest.release
    if wish is not None:
        selectors.environment(wish.environment)
        check_strategy(wish.strategy, model)
    if version := uploads.existing(model, manifest, files):
        return version, selectors.releases_of_version(version).first(), False
    refuse_no_room()
    prepared = uploads.prepare(manifest, files)
    crashpoint("upload.prepared")
    with write():
        version, created = uploads.create_version(model, prepared, by=by, token=token)
        if not created or wish is None:
            return version, selectors.releases_of_version(version).first(), created
        release = open_release(
            version, environment=wish.environment, strategy=wish.strategy, by=by, token=token
        )
        return version, release, created
