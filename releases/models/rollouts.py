from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from releases.models.releases import Release


class Rollout(models.Model):
    """A release on its way to traffic, or with `returns_to` a live one on its way back to that earlier one.

    `previous` is the champion at its start, null for a model's first release. `salt` (hex) splits units as
    long as it lasts, so that a growing share moves nobody back. Until `closed_at` no other rollout may open
    for the model and environment. How far it is say its stages, and the switch that leads into the last one.

    One that goes by stages has a `design` and a `standing` (`rollout.written`), and what answered when it
    began: `origin`. `looks` counts the looks at its evidence; whoever writes the standing has seen the one
    before. Units are told of when their draw is below 2**-`sample`. One that went to everybody at once is
    over with that, and looked at until `watched_until`; null before and after.

    The fields called `before_...` are how the release before this one keeps a rollout; see `rollout.before`.
    """

    release = models.ForeignKey("releases.Release", models.PROTECT, related_name="rollouts")
    previous = models.ForeignKey("releases.Release", models.PROTECT, null=True, related_name="+")
    returns_to = models.ForeignKey("releases.Release", models.PROTECT, null=True, related_name="returns")
    model = models.ForeignKey("registry.RegisteredModel", models.PROTECT, related_name="rollouts")
    environment = models.ForeignKey("releases.Environment", models.PROTECT, related_name="rollouts")
    salt = models.CharField(max_length=64, blank=True, db_default="")
    origin = models.ForeignKey("releases.Route", models.PROTECT, null=True, related_name="+")
    design = models.JSONField(default=dict, db_default={})
    standing = models.JSONField(default=dict, db_default={})
    looks = models.PositiveIntegerField(default=0, db_default=0)
    looked_at = models.DateTimeField(null=True)
    sample = models.PositiveSmallIntegerField(default=0, db_default=0)
    watched_until = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    paused_by = models.CharField(max_length=200, blank=True, db_default="")
    reason = models.TextField(blank=True)
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)
    before_phase = models.CharField(max_length=12, default="preparing", db_column="phase")
    before_since = models.DateTimeField(auto_now_add=True, db_column="phase_since")
    before_progress = models.JSONField(default=dict, db_column="progress")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["model", "environment"], condition=Q(closed_at=None), name="one_open_rollout"
            )
        ]
        indexes = [
            models.Index(
                fields=["environment"],
                condition=Q(watched_until__isnull=False),
                name="rollouts_that_are_watched",
            ),
        ]

    def __str__(self) -> str:
        return f"rollout/{self.pk}"

    @property
    def subject(self) -> str:
        return f"rollout/{self.pk}"

    @property
    def arriving(self) -> Release:
        """The release that answers clients when all has gone well."""
        return self.returns_to or self.release

    @property
    def by_stages(self) -> bool:
        """Whether it is judged by evidence on its way, and not over with its first switch."""
        return self.origin_id is not None

    @property
    def has_begun(self) -> bool:
        """Of one by stages that waits for its time no switch leads anywhere yet."""
        return not self.by_stages or self.closed_at is not None or bool(self.switches.all())

    @property
    def phase(self) -> str:
        """Of the switch that leads into its newest stage, once it has begun."""
        return str(self.switch.phase) if self.has_begun else "waiting"

    @property
    def is_aa(self) -> bool:
        """Whether it is a live release beside itself; one that goes back from it brings another."""
        return self.previous_id == self.release_id and self.returns_to_id is None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it by itself."""
        return self.closed_at is not None and self.watched_until is None

    @property
    def switch(self) -> Switch:
        """The last switch of this rollout, as the release before tells it where that alone has begun it."""
        return max(self.switches.all(), key=lambda each: each.pk, default=None) or self._told_before()

    def _told_before(self) -> Switch:
        told = self.before_progress
        marks = (("opening", "verified_rows"), ("verifying", "committed"), ("committing", "nodes"))
        turned = self.before_phase == Switch.Phase.REVERTING or "reverted" in told
        return Switch(
            rollout=self,
            phase=self.before_phase,
            phase_since=self.before_since,
            **{step: told.get(step) for step in ("prepared", "committed", "opened", "reverted")},
            nodes=told.get("nodes", {}),
            verified_rows=told.get("verified_rows"),
            verified_in_s=told.get("verified_in_s"),
            turned_in=next((phase for phase, mark in marks if mark in told), "preparing") if turned else "",
            reason=self.reason,
            begun_at=self.opened_at,
            ended_at=self.closed_at,
        )


class Stage(models.Model):
    """One part of a rollout: who is answered by what, and how long. `place` counts from 0.

    `shares` maps a version's number to its share of units, `pair_share` is the share of units whose requests
    the other versions are asked too. `named` are the units of a trial, hashed as its plan has them. It lasts
    `min_dwell_s` at least, `max_dwell_s` at most where that is said, from `begun_at` on, when its weights
    went out.
    """

    class Kind(models.TextChoices):
        TRIAL = "trial"
        SHADOW = "shadow"
        SPLIT = "split"
        BANDIT = "bandit"

    class End(models.TextChoices):
        PASSED = "passed"
        TURNED_BACK = "turned_back"

    rollout = models.ForeignKey(Rollout, models.PROTECT, related_name="stages")
    place = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    shares = models.JSONField(default=dict)
    pair_share = models.FloatField(default=0.0)
    named = models.TextField(blank=True, default="", db_default="")
    min_dwell_s = models.PositiveIntegerField(default=0)
    max_dwell_s = models.PositiveIntegerField(null=True)
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=12, choices=End.choices, blank=True)

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["rollout", "place"], name="one_stage_per_place"),
            models.CheckConstraint(
                condition=Q(pair_share__gte=0.0, pair_share__lte=1.0), name="pair_share_is_a_share"
            ),
        ]

    def __str__(self) -> str:
        return f"stage {self.place} of rollout/{self.rollout_id}"


class NamedUnits(models.Model):
    """Whom a trial of a release serves, as whoever opened it names them: the one place where that is text.

    `place` is the stage's in its strategy. The row goes when the release is live or over.
    """

    release = models.ForeignKey("releases.Release", models.PROTECT, related_name="named_units")
    place = models.PositiveSmallIntegerField()
    units = models.JSONField(default=list)

    class Meta:
        verbose_name_plural = "named units"
        constraints = [models.UniqueConstraint(fields=["release", "place"], name="one_list_per_trial")]

    def __str__(self) -> str:
        return f"{len(self.units)} units of {self.release_id}"


class Arm(models.Model):
    """A release that a rollout gives traffic to, or takes it from.

    A challenger is in it until `left_at`: when it was taken out, or the rollout ended. The rollout's own
    release is the first of them, and others take part in it by this row alone.
    """

    class Role(models.TextChoices):
        CHAMPION = "champion"
        CHALLENGER = "challenger"

    rollout = models.ForeignKey(Rollout, models.PROTECT, related_name="arms")
    release = models.ForeignKey("releases.Release", models.PROTECT, related_name="parts")
    role = models.CharField(max_length=10, choices=Role.choices)
    joined_at = models.DateTimeField(auto_now_add=True)
    left_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["rollout", "release"], name="one_arm_per_release"),
        ]

    def __str__(self) -> str:
        return f"{self.role} of rollout/{self.rollout_id}"


class Switch(models.Model):
    """From one routing entry to another over all nodes, in seconds: every phase is work that may run twice.

    `before` is the route that stood when it began, null where there was none; `aim` the entry it leads to,
    without a revision. Each step keeps the revision it wrote, null until it did: what has happened stands
    in columns. Nodes must have followed the last of them by `due`. `nodes` maps each that was asked to
    `ready` or `silent`. `turned_in` is the phase in which it turned back, for that `reason`. `decided_by` and
    `grounds` (a digest) say who wanted it, as the log does. It `concludes` its rollout, or leads into a stage
    of it.
    """

    class Phase(models.TextChoices):
        PREPARING = "preparing"
        COMMITTING = "committing"
        VERIFYING = "verifying"
        OPENING = "opening"
        REVERTING = "reverting"
        DONE = "done"

    rollout = models.ForeignKey(Rollout, models.PROTECT, related_name="switches")
    stage = models.ForeignKey(Stage, models.PROTECT, null=True, related_name="switches")
    before = models.ForeignKey("releases.Route", models.PROTECT, null=True, related_name="+")
    aim = models.JSONField(default=dict)
    phase = models.CharField(max_length=12, choices=Phase.choices, default=Phase.PREPARING)
    phase_since = models.DateTimeField(auto_now_add=True)
    prepared = models.PositiveIntegerField(null=True)
    committed = models.PositiveIntegerField(null=True)
    opened = models.PositiveIntegerField(null=True)
    reverted = models.PositiveIntegerField(null=True)
    due = models.DateTimeField(null=True)
    nodes = models.JSONField(default=dict)
    verified_rows = models.PositiveIntegerField(null=True)
    verified_in_s = models.FloatField(null=True)
    turned_in = models.CharField(max_length=12, choices=Phase.choices, blank=True)
    reason = models.TextField(blank=True)
    decided_by = models.CharField(max_length=200)
    grounds = models.CharField(max_length=64, blank=True)
    concludes = models.BooleanField(default=True, db_default=True)
    begun_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "switches"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["rollout"], condition=Q(ended_at=None), name="one_open_switch"),
            models.CheckConstraint(
                condition=Q(phase="done", ended_at__isnull=False) | (~Q(phase="done") & Q(ended_at=None)),
                name="what_is_done_has_ended",
            ),
        ]
        indexes = [
            models.Index(fields=["due"], condition=Q(ended_at=None), name="switches_that_wait"),
        ]

    def __str__(self) -> str:
        return f"switch {self.pk} of rollout/{self.rollout_id}"

    @property
    def went_back(self) -> bool:
        """Whether it has turned, or is turning back."""
        return bool(self.turned_in)


class Route(models.Model):
    """What one model answers with from one moment on: a revision of its plan entry. Never edited.

    stage    the part of a rollout whose weights these are, null where it is of none
    changes  the revision since which nothing but weights has changed, null where more has
    spell    the first revision of the stage that had these weights: what was counted of units is kept under
             that one (`KEPT_UNDER`), so that it grows with weights, and not with how often they went out
    """

    model = models.ForeignKey("registry.RegisteredModel", models.PROTECT, related_name="routes")
    environment = models.ForeignKey("releases.Environment", models.PROTECT, related_name="routes")
    revision = models.PositiveIntegerField()
    entry = models.JSONField()
    event = models.ForeignKey("registry.Event", models.PROTECT, related_name="+")
    stage = models.ForeignKey(Stage, models.PROTECT, null=True, related_name="routes", db_index=False)
    changes = models.PositiveIntegerField(null=True)
    spell = models.PositiveIntegerField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    KEPT_UNDER = Coalesce("spell", "revision")
    """The revision under which counts are kept: what the release before this one wrote has its own."""

    class Meta:
        ordering = ["-revision"]
        constraints = [
            models.UniqueConstraint(
                fields=["model", "environment", "revision"], name="one_route_per_revision"
            )
        ]

    def __str__(self) -> str:
        return f"route {self.revision} of {self.model_id}"
