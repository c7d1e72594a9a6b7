from __future__ import annotations

from django.db import models


class Mark(models.Model):
    """How far the batches of one boot of a node have come in: what is not above it is a repeat."""

    node = models.CharField(max_length=120)
    boot = models.CharField(max_length=64)
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.node} {self.boot} {self.sequence}"


class CounterShipment(Mark):
    """How far counters and the segments of logged answers have come in."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "boot"], name="one_mark_per_boot")]


class FeedbackShipment(Mark):
    """How far feedback has come in."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "boot"], name="one_feedback_mark_per_boot")]


class FeedbackBatch(models.Model):
    """One shipment of feedback that was taken in: how many items it had, and how many of them counted."""

    node = models.CharField(max_length=120)
    boot = models.CharField(max_length=64)
    sequence = models.PositiveBigIntegerField()
    items = models.PositiveIntegerField()
    counted = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "feedback batches"
        constraints = [models.UniqueConstraint(fields=["node", "boot", "sequence"], name="one_row_per_batch")]

    def __str__(self) -> str:
        return f"{self.node} {self.boot} {self.sequence}"


class Reward(models.Model):
    """One answer's feedback, by its request id: the first one counts, the others change nothing.

    `environment`, `arm` and `unit` say whose answer it was: `arm` is a place in the arms of the route of
    that `revision`, `unit` the hash of what was split by, as a signed number of 64 bits. `environment` is
    null where no route of that revision answered with this version. `rollout` is the one whose weights the
    revision has, and `came_at` when a node or this door was told.
    """

    request = models.CharField(max_length=64, unique=True)
    model = models.ForeignKey("registry.RegisteredModel", models.PROTECT, related_name="rewards")
    environment = models.ForeignKey(
        "releases.Environment", models.PROTECT, null=True, related_name="+", db_index=False
    )
    version = models.PositiveIntegerField()
    revision = models.PositiveIntegerField()
    arm = models.PositiveSmallIntegerField(null=True)
    unit = models.BigIntegerField(null=True)
    scored_at = models.DateTimeField()
    reward = models.FloatField(null=True)
    label = models.JSONField(null=True)
    batch = models.ForeignKey(FeedbackBatch, models.PROTECT, null=True, related_name="rewards")
    rollout = models.ForeignKey(
        "releases.Rollout", models.PROTECT, null=True, related_name="rewards", db_index=False
    )
    came_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["rollout", "unit"],
                condition=models.Q(rollout__isnull=False, reward__isnull=False),
                name="rewards_of_a_rollout",
            ),
            models.Index(fields=["model", "version"], name="rewards_by_version"),
            models.Index(fields=["id"], condition=models.Q(unit=None), name="rewards_of_nobody_yet"),
        ]

    def __str__(self) -> str:
        return f"feedback on {self.model_id} {self.version}"


class Counts(models.Model):
    """What was counted of requests: additive, so any rows may be summed.

    `codes` maps an error's code to a count; `buckets` lists [place in telemetry.FINE_S, count];
    `seconds` is the sum of the latencies.
    """

    requests = models.PositiveBigIntegerField(default=0)
    rows = models.PositiveBigIntegerField(default=0)
    seconds = models.FloatField(default=0.0)
    codes = models.JSONField(default=dict)
    buckets = models.JSONField(default=list)

    class Meta:
        abstract = True


class Counted(Counts):
    """What was counted in the `span` seconds from `at` on."""

    environment = models.ForeignKey("releases.Environment", models.CASCADE, related_name="+")
    at = models.DateTimeField()
    span = models.PositiveIntegerField(default=60)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.requests} requests from {self.at} on"


class Traffic(Counted):
    """One arm of one version in one environment. `internal` are our own calls, `named` those by number.

    `outside` maps an input to how many values beyond its limits were let pass, `beyond` to how many requests
    held any.
    """

    model = models.ForeignKey("registry.RegisteredModel", models.CASCADE, related_name="traffic")
    version = models.PositiveIntegerField()
    arm = models.CharField(max_length=40)
    outside = models.JSONField(default=dict, db_default={})
    beyond = models.JSONField(default=dict, db_default={})

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "model", "version", "arm", "span", "at"], name="one_row_per_traffic"
            )
        ]
        indexes = [
            models.Index(fields=["model", "span", "at"], name="traffic_by_model"),
            models.Index(fields=["span", "at"], name="traffic_by_age"),
        ]


class StageTraffic(Counts):
    """One arm of one version under the same weights of a stage of a rollout, from its beginning on.

    So what a stage has counted is exact however often its weights change, and grows with these, not with
    time. Which revision chose the arm stands in each request, and is counted with it by the nodes; here it
    is the one that `Route.spell` names.
    """

    stage = models.ForeignKey("releases.Stage", models.CASCADE, related_name="traffic")
    revision = models.PositiveIntegerField()
    version = models.PositiveIntegerField()
    arm = models.CharField(max_length=40)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["stage", "revision", "version", "arm"], name="one_row_per_stage_and_arm"
            )
        ]

    def __str__(self) -> str:
        return f"{self.requests} requests of stage {self.stage_id} at revision {self.revision}"


class NodeTraffic(Counted):
    """All that clients asked of one node; `codes` has what was refused before a version was chosen, too."""

    node = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "node", "span", "at"], name="one_row_per_node")
        ]
        indexes = [models.Index(fields=["span", "at"], name="node_traffic_by_age")]


class PredictionSegment(models.Model):
    """An archive of logged answers of one version from one node; `requests` of them, with `rows` in all.

    No `Artifact`: those are kept for ever, and this one goes when its time is over.
    """

    environment = models.ForeignKey("releases.Environment", models.CASCADE, related_name="+")
    model = models.ForeignKey("registry.RegisteredModel", models.CASCADE, related_name="prediction_segments")
    version = models.PositiveIntegerField()
    node = models.CharField(max_length=120)
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    requests = models.PositiveIntegerField()
    rows = models.PositiveBigIntegerField()
    digest = models.CharField(max_length=64, unique=True)
    size = models.PositiveBigIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["model", "version", "to_at"], name="predictions_by_version"),
            models.Index(fields=["to_at"], name="predictions_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.requests} answers until {self.to_at}"
