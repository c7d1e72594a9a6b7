from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class Role(models.TextChoices):
    """What a membership lets a person do with a model, or with all models."""

    VIEWER = "viewer", "viewer"
    CONTRIBUTOR = "contributor", "contributor"
    TECHNICAL = "technical_reviewer", "technical reviewer"
    PRIVACY = "privacy_reviewer", "privacy reviewer"
    SECURITY = "security_reviewer", "security reviewer"
    APPROVER = "approver", "approver"
    RELEASE_MANAGER = "release_manager", "release manager"
    AUDITOR = "auditor", "auditor"
    ADMIN = "admin", "admin"


class Membership(models.Model):
    """One role of one person, for one model or (model is null) for all of them."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    model = models.ForeignKey("registry.RegisteredModel", models.CASCADE, null=True, blank=True)
    role = models.CharField(max_length=24, choices=Role.choices)
    granted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "model", "role"], name="one_membership_per_role"),
            models.UniqueConstraint(
                fields=["person", "role"], condition=Q(model=None), name="one_membership_for_all_models"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.role}"


class Scope(models.TextChoices):
    """What a token may be used for."""

    UPLOAD = "upload", "upload versions"
    READ = "read", "read facts and files"
    SCORE = "score", "score"
    SCORE_VERSION = "score-version", "score a version by name"
    FEEDBACK = "feedback", "send feedback"
    RELEASE = "release", "open releases"
    AUDIT_READ = "audit-read", "read the log"


class ApiToken(models.Model):
    """A bearer token `assay_<identifier>_<random>`; only its SHA-256 is kept.

    A token can do what its scopes say, on its models, and never more than its owner may now: a scope
    whose role its owner has lost is lost too.
    """

    identifier = models.CharField(max_length=12, unique=True)
    secret_sha256 = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=80)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="tokens")
    scopes = models.JSONField(default=list)
    all_models = models.BooleanField(default=False)
    for_models = models.ManyToManyField("registry.RegisteredModel", blank=True, related_name="tokens")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"token/{self.identifier}"

    @property
    def actor(self) -> str:
        return f"token/{self.identifier}"


class Attempts(models.Model):
    """Passwords tried in vain by whatever `key`, a digest, stands for, since a time in epoch seconds."""

    key = models.CharField(max_length=64, primary_key=True)
    tries = models.PositiveIntegerField()
    since = models.FloatField(db_index=True)

    class Meta:
        verbose_name_plural = "attempts"

    def __str__(self) -> str:
        return f"{self.tries} tries"
