from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class PolicyProposal(models.Model):
    """Another policy for a model, asked for by one person and decided by a second one.

    Both policies are kept as they stood, so that the row says what it is based on and what it changes. The
    database keeps one open proposal per model, and takes a model's new policy only from a confirmed one.
    """

    class Decision(models.TextChoices):
        CONFIRMED = "confirmed"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    model = models.ForeignKey("registry.RegisteredModel", models.PROTECT, related_name="policy_proposals")
    old_policy = models.JSONField()
    new_policy = models.JSONField()
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(auto_now_add=True)
    grounds = models.ForeignKey("registry.Grounds", models.PROTECT, related_name="+")
    decision = models.CharField(max_length=9, choices=Decision.choices, blank=True, default="")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision_grounds = models.ForeignKey("registry.Grounds", models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["model"], condition=Q(decision=""), name="one_open_policy_proposal"
            ),
            models.CheckConstraint(
                condition=Q(decision="", decided_by=None, decided_at=None, decision_grounds=None)
                | Q(
                    ~Q(decision=""),
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                    decision_grounds__isnull=False,
                ),
                name="a_policy_decision_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(decision__in=["", "withdrawn"]) | ~Q(decided_by=F("proposed_by")),
                name="a_second_person_decides_on_a_policy",
            ),
            models.CheckConstraint(
                condition=~Q(decision="withdrawn") | Q(decided_by=F("proposed_by")),
                name="only_the_proposer_withdraws_a_policy",
            ),
        ]

    def __str__(self) -> str:
        return f"policy proposal {self.pk}"

    @property
    def is_open(self) -> bool:
        return not self.decision
