from __future__ import annotations

from django.db import models

ANY = -1
"""Whatever they asked."""


class UnitOutcome(models.Model):
    """What became of a unit of a rollout by one metric, as somebody told it by the unit; the first counts.

    `unit` is its hash under the rollout's salt, as a signed number of 64 bits: its text is not kept. `value`
    is a number, of a ratio the one above the line and `per` the one below. `at` is when it happened,
    `came_at` when it was told.
    """

    rollout = models.ForeignKey("releases.Rollout", models.CASCADE, related_name="outcomes", db_index=False)
    metric = models.CharField(max_length=100)
    unit = models.BigIntegerField()
    value = models.FloatField()
    per = models.FloatField(null=True)
    at = models.DateTimeField()
    came_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rollout", "metric", "unit"], name="one_outcome_of_a_unit")
        ]

    def __str__(self) -> str:
        return f"{self.metric} of rollout/{self.rollout_id}"


class Summed(models.Model):
    """Sums over units whose window has closed: additive, and derived once for each hour of their assignment.

    `changed`: of units whose answers have differed, from then on. `units` counts all of them, `sums` has what
    came of those of which anything did (`rollout.counts.Sums`, whole numbers of any size).
    """

    rollout = models.ForeignKey("releases.Rollout", models.CASCADE, related_name="+", db_index=False)
    metric = models.CharField(max_length=100)
    changed = models.BooleanField()
    version = models.PositiveIntegerField()
    units = models.PositiveBigIntegerField(default=0)
    sums = models.JSONField(default=dict)

    class Meta:
        abstract = True


class WeighedSum(Summed):
    """Of the units that one version was given by the weights of one revision, which `Route.spell` names.

    `bets` maps a challenger to the log wealth of each bet (`rollout.evidence.bounded`).
    """

    revision = models.PositiveIntegerField()
    bets = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rollout", "metric", "changed", "revision", "version"], name="one_sum_per_weights"
            )
        ]

    def __str__(self) -> str:
        return f"{self.metric} of {self.units} units of rollout/{self.rollout_id} at revision {self.revision}"


class CohortSum(Summed):
    """Of the units that one version was given in one span, counted since the epoch: what a bandit follows.

    `hour` 0 has all those that no look tells apart. `even`: of units for whom all arms play alike. `context`:
    what they asked, where a bandit looks at that, else ANY.
    """

    hour = models.PositiveIntegerField()
    even = models.BooleanField(default=False, db_default=False)
    context = models.SmallIntegerField(default=ANY, db_default=ANY)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rollout", "metric", "changed", "even", "hour", "version", "context"],
                name="one_sum_of_cohort_and_context",
            )
        ]

    def __str__(self) -> str:
        return f"{self.metric} of {self.units} units of rollout/{self.rollout_id} in span {self.hour}"


class CohortMark(models.Model):
    """The span of a metric that is summed next: those before it are, and are never again."""

    rollout = models.ForeignKey("releases.Rollout", models.CASCADE, related_name="+", db_index=False)
    metric = models.CharField(max_length=100)
    hour = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rollout", "metric"], name="one_mark_per_metric")]

    def __str__(self) -> str:
        return f"{self.metric} of rollout/{self.rollout_id} from hour {self.hour}"
