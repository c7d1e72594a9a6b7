from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from releases.lifecycle import ON_THEIR_WAY, State


class Release(models.Model):
    """One attempt to bring one version to traffic. `state` moves only through `transitions.advance`.

    `evidence_digest` covers all that a reviewer decides on (identity, frozen policy, strategy,
    verdicts of the automatic gates): a review counts only while it is the one that was signed.
    """

    version = models.ForeignKey("registry.ModelVersion", models.PROTECT, related_name="releases")
    model = models.ForeignKey("registry.RegisteredModel", models.PROTECT, related_name="releases")
    environment = models.ForeignKey("releases.Environment", models.PROTECT, related_name="releases")
    state = models.CharField(max_length=12, choices=[(s, s) for s in State], default=State.DRAFT)
    strategy = models.JSONField(default=dict)
    policy = models.JSONField(default=dict)
    evidence_digest = models.CharField(max_length=64, blank=True)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(auto_now_add=True)
    state_since = models.DateTimeField(auto_now_add=True)
    was_live_since = models.DateTimeField(null=True, default=None)
    """When it last became live, once it is so no more; while it is live, `state_since` says it."""
    retire_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+"
    )
    """Who asked to take the model offline while this release is live: a second person must agree."""

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["model", "environment"], condition=Q(state=State.LIVE), name="one_live_release"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-id"], name="releases_by_state"),
            models.Index(fields=["state", "state_since"], name="releases_by_wait"),
            models.Index(fields=["-id"], condition=Q(state__in=ON_THEIR_WAY), name="releases_on_their_way"),
            # Lists are read newest first: each index has that order within.
            models.Index(fields=["model", "-id"], name="releases_by_model"),
            models.Index(fields=["environment", "state", "-id"], name="releases_by_place"),
            models.Index(fields=["opened_by", "state", "-id"], name="releases_by_opener"),
            models.Index(
                fields=["state", "state_since"],
                condition=Q(retire_asked_by__isnull=False),
                name="releases_to_be_retired",
            ),
        ]

    def __str__(self) -> str:
        return f"release/{self.pk}"

    @property
    def subject(self) -> str:
        """How the log names this release."""
        return f"release/{self.pk}"


class AskedSlot(models.Model):
    """A signature that the frozen policy asks for, from the day on which it can be given."""

    release = models.ForeignKey(Release, models.PROTECT, related_name="asked_slots")
    slot = models.CharField(max_length=12)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "slot"], name="a_slot_is_asked_for_once")]

    def __str__(self) -> str:
        return f"{self.slot} of {self.release_id}"


class GateRun(models.Model):
    """One gate of one release: what it found, with the evidence."""

    class Outcome(models.TextChoices):
        PENDING = "pending"
        PASSED = "passed"
        FAILED = "failed"
        ERRORED = "errored"

    release = models.ForeignKey(Release, models.PROTECT, related_name="gate_runs")
    gate = models.CharField(max_length=24)
    position = models.PositiveSmallIntegerField()
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.PENDING)
    summary = models.TextField(blank=True)
    evidence = models.JSONField(default=dict)
    progress = models.JSONField(default=dict, db_default={})
    attempt = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["release", "gate"], name="one_run_per_gate")]

    def __str__(self) -> str:
        return f"{self.gate} of {self.release_id}"

    @property
    def running(self) -> bool:
        return self.started_at is not None and self.finished_at is None


class Review(models.Model):
    """One person's signature on one slot, bound to the evidence it was given for. Never edited."""

    class Verdict(models.TextChoices):
        APPROVE = "approve"
        REJECT = "reject"

    release = models.ForeignKey(Release, models.PROTECT, related_name="reviews")
    slot = models.CharField(max_length=12)
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="reviews")
    grounds = models.ForeignKey("registry.Grounds", models.PROTECT, related_name="+")
    version_digest = models.CharField(max_length=64)
    evidence_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["release", "evidence_digest", "slot"],
                condition=Q(verdict="approve"),
                name="one_signature_per_slot",
            ),
            models.UniqueConstraint(
                fields=["release", "evidence_digest", "person"], name="one_slot_per_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.slot} review of {self.release_id}"


class Trip(models.Model):
    """A node gave up the version of a release. `name` tells it from every other trip, so it is told once."""

    release = models.ForeignKey(Release, models.PROTECT, related_name="trips")
    name = models.CharField(max_length=500)
    stays = models.BooleanField()
    """Nothing could take the version's place: it is still what clients should be answered by."""
    event = models.OneToOneField("registry.Event", models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "name"], name="one_event_per_trip")]

    def __str__(self) -> str:
        return self.name
