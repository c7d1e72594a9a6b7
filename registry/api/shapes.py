"""The JSON of the registry: what comes in, what goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import serializers

from registry import names, selectors
from registry.api.asking import Strict
from registry.api.paging import PageQuery

if TYPE_CHECKING:
    from registry.models import ApiToken, ModelVersion, RegisteredModel, VersionFile


class NewModel(Strict):
    """The body of `POST /models`.

    `name` is what people call the model, in any script; `slug` is what stands for it in addresses, for
    ever: made of the name where it is not given. A name that is fit for an address is its own slug.
    """

    example = {"name": "digits", "description": "Handwritten digits", "task": "classification"}

    name = serializers.CharField(max_length=names.LONGEST)
    slug = serializers.CharField(required=False, allow_blank=True, max_length=names.LONGEST_SLUG, default="")
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")
    task = serializers.CharField(required=False, allow_blank=True, max_length=80, default="")
    policy = serializers.DictField(required=False, default=dict)


class ModelEdit(Strict):
    """The body of `PATCH /models/{model}`; a policy is changed by two people: `/policy-proposals`.

    Another `name` leaves the slug, and so every address, as it is.
    """

    example = {"description": "Handwritten digits, 8x8 grey"}

    name = serializers.CharField(required=False, max_length=names.LONGEST)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    task = serializers.CharField(required=False, allow_blank=True, max_length=80)


class ModelShape(serializers.Serializer[object]):
    """A registered model. `versions` and `latest` are there in lists only.

    `name` is what people call it, `slug` what stands for it in addresses and wherever else an answer names
    a model. `policy_digest` is what a proposal of another policy is based on.
    """

    name = serializers.CharField(source="called")
    slug = serializers.CharField(source="name")
    description = serializers.CharField()
    task = serializers.CharField()
    policy = serializers.DictField()
    policy_digest = serializers.SerializerMethodField()
    created_by = serializers.CharField(source="created_by.username")
    created_at = serializers.DateTimeField()
    versions = serializers.IntegerField(source="version_count", required=False)
    latest = serializers.IntegerField(required=False, allow_null=True)
    url = serializers.SerializerMethodField()

    def get_policy_digest(self, model: RegisteredModel) -> str:
        return selectors.policy_digest(model)

    def get_url(self, model: RegisteredModel) -> str:
        return f"/api/v1/models/{model.name}"


class VersionLine(serializers.Serializer[object]):
    """A version in a list. `model` is the model's slug."""

    model = serializers.CharField(source="model.name")
    model_name = serializers.CharField(source="model.called")
    number = serializers.IntegerField()
    digest = serializers.CharField()
    size = serializers.IntegerField()
    uploaded_by = serializers.CharField(source="uploaded_by.username")
    built_by = serializers.CharField()
    built_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    url = serializers.SerializerMethodField()

    def get_url(self, version: ModelVersion) -> str:
        return f"/api/v1/models/{version.model.name}/versions/{version.number}"


class FileShape(serializers.Serializer[object]):
    key = serializers.CharField()
    name = serializers.CharField()
    size = serializers.IntegerField(source="artifact.size")
    sha256 = serializers.CharField(source="artifact_id")
    url = serializers.SerializerMethodField()

    def get_url(self, file: VersionFile) -> str:
        version = file.version
        return f"/api/v1/models/{version.model.name}/versions/{version.number}/files/{file.key}"


class SetShape(serializers.Serializer[object]):
    rows = serializers.IntegerField()
    kind = serializers.CharField()
    sha256 = serializers.CharField(source="artifact_id")


class ConfidenceSetShape(SetShape):
    metric = serializers.CharField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    margin = serializers.FloatField()
    claimed = serializers.FloatField(allow_null=True)


class VersionShape(VersionLine):
    """All facts of one version; none of them ever changes, but for tags and aliases."""

    manifest = serializers.DictField()
    signature = serializers.DictField()
    files = FileShape(many=True)
    end_to_end_set = SetShape()
    confidence_set = ConfidenceSetShape()
    tags = serializers.SerializerMethodField()
    aliases = serializers.SerializerMethodField()

    def get_tags(self, version: ModelVersion) -> dict[str, str]:
        return {tag.key: tag.value for tag in version.tags.all()}

    def get_aliases(self, version: ModelVersion) -> list[str]:
        return sorted(alias.name for alias in version.aliases.all())


class EventQuery(PageQuery):
    """Filters of the log; a word that ends in `*` matches as a beginning."""

    subject = serializers.CharField(required=False, default="", allow_blank=True)
    kind = serializers.CharField(required=False, default="", allow_blank=True)
    actor = serializers.CharField(required=False, default="", allow_blank=True)
    model = serializers.CharField(required=False, default="", allow_blank=True)
    after = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2**62)


class EventShape(serializers.Serializer[object]):
    """One line of the log. `payload` is the text that was hashed."""

    seq = serializers.IntegerField()
    kind = serializers.CharField()
    subject = serializers.CharField()
    model = serializers.CharField()
    actor = serializers.CharField()
    facts = serializers.DictField()
    at = serializers.DateTimeField()
    payload = serializers.CharField()
    previous = serializers.CharField()
    digest = serializers.CharField()


class WitnessShape(serializers.Serializer[object]):
    """How log and witness file stand to each other; `tone` is positive, caution or danger."""

    tone = serializers.CharField()
    word = serializers.CharField()
    sentence = serializers.CharField()


class ReportShape(serializers.Serializer[object]):
    """What a verification of the log found; `broken_at` is the first bad line, `findings` are what else
    contradicts the log, `past` what was found before a witness was begun anew, `not_covered` is what a
    verification does not look at."""

    intact = serializers.BooleanField()
    events = serializers.IntegerField()
    head = serializers.CharField()
    broken_at = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField()
    witnessed = serializers.IntegerField()
    findings = serializers.ListField(child=serializers.CharField())
    past = serializers.ListField(child=serializers.CharField())
    not_covered = serializers.ListField(child=serializers.CharField())
    witness = WitnessShape()


class HeadShape(serializers.Serializer[object]):
    seq = serializers.IntegerField()
    digest = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    witness = WitnessShape()


class NewToken(Strict):
    """The body of `POST /tokens`. Without `models` the token is for all of them."""

    example = {"name": "ci of digits", "scopes": ["upload", "release"], "models": ["digits"]}

    name = serializers.CharField(max_length=80)
    scopes = serializers.ListField(child=serializers.CharField(max_length=40), max_length=20)
    models = serializers.ListField(
        child=serializers.CharField(max_length=names.LONGEST),
        required=False,
        allow_null=True,
        default=None,
        max_length=1000,
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    owner = serializers.CharField(required=False, allow_null=True, default=None, max_length=150)


class TokenShape(serializers.Serializer[object]):
    """A token without its secret. `models` is null where it is for all of them."""

    id = serializers.CharField(source="identifier")
    name = serializers.CharField()
    owner = serializers.CharField(source="owner.username")
    scopes = serializers.ListField(child=serializers.CharField())
    models = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)

    def get_models(self, token: ApiToken) -> list[str] | None:
        return None if token.all_models else sorted(model.name for model in token.for_models.all())


class NewTokenShape(TokenShape):
    """A new token; `token` is its text, which is told this once."""

    token = serializers.CharField(allow_null=True)
