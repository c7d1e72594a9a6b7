"""Who stands behind a version, as rows that the database asks when somebody reviews it."""

from __future__ import annotations

from registry.builders import keys
from registry.models import BuilderKey, ModelVersion, Person, VersionUploader


def stand_behind(version: ModelVersion, by: Person) -> None:
    """The token's owner and whoever the manifest names as builder: none of them may review the version.

    The builder's keys are kept too: an account that is made or renamed later is compared with them.
    """
    named = keys(version.built_by)
    BuilderKey.objects.bulk_create(BuilderKey(version=version, key=key) for key in sorted(named))
    builders = Person.objects.filter(keys__key__in=named)
    for person in {by, *builders}:
        VersionUploader.objects.create(version=version, person=person)
