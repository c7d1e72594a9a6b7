from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from registry import names

SLUG = RegexValidator(names.SLUG, names.SLUG_HINT)


class CalledAs(models.Func):
    """What people read as a model's name, in one case: by this they look for it in a list.

    Written out, because an index is found only by its very expression.
    """

    template = "LOWER(COALESCE(%(expressions)s))"
    output_field = models.CharField()

    def __init__(self) -> None:
        super().__init__("title", "name")


class RegisteredModel(models.Model):
    """A name under which versions are kept.

    `name` is the slug: what stands in addresses, plans, events and metrics, for ever. `title` is what people
    call the model, where that is something else; `title_key` is the same as it is compared and found. `tag`
    is what stands for the name in request ids, in hexadecimal; null until `services.tags` is asked.
    """

    name = models.CharField(max_length=names.LONGEST_SLUG, unique=True, validators=[SLUG])
    title = models.CharField(max_length=names.LONGEST, null=True, blank=True)  # noqa: DJ001 - is not the slug
    title_key = models.CharField(max_length=names.LONGEST_FOLDED, null=True, editable=False)  # noqa: DJ001
    tag = models.CharField(max_length=16, null=True, editable=False)  # noqa: DJ001 - none yet is not ""
    description = models.TextField(blank=True)
    task = models.CharField(max_length=80, blank=True)
    policy = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        indexes = [
            models.Index(fields=["tag"], name="models_by_tag"),
            models.Index(CalledAs(), "id", name="models_as_called"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["title_key"], condition=~models.Q(title_key=None), name="one_model_per_title"
            )
        ]

    def __str__(self) -> str:
        """The name as a page shows it, whatever stands beside it."""
        return names.isolated(self.called)

    @property
    def called(self) -> str:
        """The name as people wrote it."""
        return self.title or self.name


class Artifact(models.Model):
    """Bytes in the store, named by their own digest. A row exists only after the store has the bytes."""

    digest = models.CharField(max_length=64, primary_key=True)
    size = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.digest[:12]


class ModelVersion(models.Model):
    """An immutable set of facts with one number; data and extractor of that number belong to it.

    `digest` is the identity: SHA-256 of the canonical JSON of the normalised manifest with all
    file digests. The database refuses any update or delete of a row.
    """

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    manifest = models.JSONField()
    signature = models.JSONField()
    inspection = models.JSONField(default=dict)
    size = models.PositiveBigIntegerField(default=0)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    uploaded_with = models.ForeignKey("registry.ApiToken", models.PROTECT, null=True, related_name="+")
    built_by = models.CharField(max_length=254, blank=True)
    built_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="one_version_per_number"),
            models.UniqueConstraint(fields=["model", "digest"], name="one_version_per_identity"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.number}"


class VersionFile(models.Model):
    """One file of a version: its key in the manifest, its name there, its bytes."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="files")
    key = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    artifact = models.ForeignKey(Artifact, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["version", "key"], name="one_file_per_key")]

    def __str__(self) -> str:
        return self.name


class VersionUploader(models.Model):
    """A person who stands behind an upload (owner of the token, builder, CI actor). None may review it."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="uploaders")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "person"], name="one_row_per_uploader")]

    def __str__(self) -> str:
        return f"{self.person} uploaded {self.version_id}"


class Beginning(models.Func):
    """The first hundred characters. Written out, because an index is found only by its very expression."""

    template = "SUBSTR(%(expressions)s, 1, 100)"
    output_field = models.CharField()


class Tag(models.Model):
    """A free label of a version, or (version is null) of a model."""

    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="tags")
    version = models.ForeignKey(ModelVersion, models.CASCADE, null=True, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "key"], name="one_tag_per_version_and_key"),
            models.UniqueConstraint(
                fields=["model", "key"], condition=models.Q(version=None), name="one_tag_per_model_and_key"
            ),
        ]
        indexes = [models.Index("model", "key", Beginning("value"), name="tags_by_value")]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class Alias(models.Model):
    """A name that moves between the versions of a model."""

    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="aliases")
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="aliases")
    name = models.CharField(max_length=255)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "name"], name="one_alias_per_name")]

    def __str__(self) -> str:
        return self.name
