from __future__ import annotations

from django.db import models
from django.db.models import Q


class UnitFact(models.Model):
    """One thing about one unit of a rollout, the first that was told of its key (`formats.evidence.Fact`).

    `unit` is the hash of what was split by, as a signed number of 64 bits; `version` and `revision` say by
    which weights it was answered, `about` which challenger a pair compares. Nothing here is a person's text.
    """

    rollout = models.ForeignKey("releases.Rollout", models.CASCADE, related_name="facts", db_index=False)
    kind = models.CharField(max_length=24)
    about = models.PositiveIntegerField(default=0)
    unit = models.BigIntegerField()
    revision = models.PositiveIntegerField()
    version = models.PositiveIntegerField()
    value = models.SmallIntegerField(default=0)
    node = models.CharField(max_length=120)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rollout", "kind", "about", "unit"], name="one_fact_of_a_unit")
        ]
        indexes = [models.Index(fields=["rollout", "kind", "at"], name="facts_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} of rollout/{self.rollout_id}"


class UnitCount(models.Model):
    """Of how many units a fact was told: additive, and derived when a fact is first written.

    One row for each stage, revision, version, kind, challenger, value and node: it grows with these and not
    with units. The revision is the one that `Route.spell` names.
    """

    stage = models.ForeignKey("releases.Stage", models.CASCADE, related_name="unit_counts")
    revision = models.PositiveIntegerField()
    version = models.PositiveIntegerField()
    kind = models.CharField(max_length=24)
    about = models.PositiveIntegerField(default=0)
    value = models.SmallIntegerField(default=0)
    node = models.CharField(max_length=120)
    units = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["stage", "revision", "version", "kind", "about", "value", "node"],
                name="one_count_of_units",
            )
        ]

    def __str__(self) -> str:
        return f"{self.units} units {self.kind} of stage {self.stage_id}"


class NodeReport(models.Model):
    """Up to when a node has told what it counted of a rollout: later than that it is unknown, not zero.

    `lost` counts facts that it had to give up, the last time in what it told until `lost_at`.
    """

    rollout = models.ForeignKey("releases.Rollout", models.CASCADE, related_name="reports")
    node = models.CharField(max_length=120)
    until = models.DateTimeField()
    lost = models.PositiveBigIntegerField(default=0)
    lost_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rollout", "node"], name="one_report_per_node")]

    def __str__(self) -> str:
        return f"{self.node} of rollout/{self.rollout_id} until {self.until}"


class EvidencePoint(models.Model):
    """What one look at a rollout found, for curves over time. Older ones are thinned out (`rollout.history`).

    `evidence` maps the key of a finding to its log evidence and its threshold, `shares` each version to its
    share of units, `effects` the key of one to its intervals. Of a look that was `decided` by there is a
    decision.
    """

    rollout = models.ForeignKey("releases.Rollout", models.CASCADE, related_name="points", db_index=False)
    at = models.DateTimeField()
    stage = models.PositiveSmallIntegerField()
    evidence = models.JSONField(default=dict)
    shares = models.JSONField(default=dict)
    effects = models.JSONField(default=dict)
    decided = models.BooleanField(default=False)

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["rollout", "at"], name="points_by_time")]

    def __str__(self) -> str:
        return f"rollout/{self.rollout_id} at {self.at}"


class Decision(models.Model):
    """What was decided about a rollout, by its strategy or a person: each has its event, with its grounds.

    `verdict`, `reason` and `arm` as `rollout.strategies.base.Decision` has them. `number` counts from 1.
    """

    rollout = models.ForeignKey("releases.Rollout", models.PROTECT, related_name="decisions")
    number = models.PositiveIntegerField()
    verdict = models.CharField(max_length=12)
    arm = models.CharField(max_length=20, blank=True)
    reason = models.TextField()
    decided_by = models.CharField(max_length=200)
    event = models.OneToOneField("registry.Event", models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["rollout", "number"], name="one_decision_per_number")]

    def __str__(self) -> str:
        return f"decision {self.number} of rollout/{self.rollout_id}"


class Proposal(models.Model):
    """What a rollout asks a person for, with the evidence of the moment: it lapses when that changes.

    `verdict` and `arm` are what would be done; `evidence` lists findings as `rollout.written` writes them.
    """

    class Outcome(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        DISMISSED = "dismissed"
        LAPSED = "lapsed"

    rollout = models.ForeignKey("releases.Rollout", models.PROTECT, related_name="proposals")
    stage = models.ForeignKey("releases.Stage", models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=12)
    arm = models.CharField(max_length=20, blank=True)
    reason = models.TextField()
    evidence = models.JSONField(default=list)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.OPEN)
    event = models.OneToOneField("registry.Event", models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["rollout"], condition=Q(outcome="open"), name="one_open_proposal")
        ]

    def __str__(self) -> str:
        return f"{self.verdict} of rollout/{self.rollout_id}: {self.outcome}"
