"""The JSON of releases: what comes in, what goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from registry.api.asking import Strict
from registry.api.shapes import EventShape
from releases import actions, selectors
from releases.actions import Row
from releases.lifecycle import State
from releases.proof import evidence
from releases.rollout import returns
from releases.rollout.designs.design import OFFERED
from releases.rollout.whom import Whom, whom
from scoring.protocols.feedback import MOST_REWARD

if TYPE_CHECKING:
    from releases.models import GateRun, Release, Review, Rollout, Route


@extend_schema_field(
    {
        "type": "object",
        "properties": {"kind": {"type": "string", "enum": list(OFFERED)}, "list": {"type": "string"}},
        "example": {"kind": "canary"},
    }
)
class StrategyField(serializers.DictField):
    """How a release reaches its clients: by a kind, or by a list of stages that the model's policy has saved.
    `opening` judges what it says."""


class NewRelease(Strict):
    """The body of `POST /models/{model}/versions/{n}/releases`; where to and how is said, never assumed."""

    example = {"environment": "production", "strategy": {"kind": "single"}}

    environment = serializers.CharField(
        max_length=63, error_messages={"required": "Say where to, such as production."}
    )
    strategy = StrategyField(error_messages={"required": 'Say how, such as {{"kind": "single"}}.'})
    submit = serializers.BooleanField(default=True)


class NewReview(Strict):
    example = {
        "slot": "technical",
        "verdict": "approve",
        "grounds": "better on every slice, and no slower",
    }

    slot = serializers.CharField(max_length=20)
    verdict = serializers.ChoiceField(["approve", "reject"])
    grounds = serializers.CharField(max_length=10_000)


class ActionBody(Strict):
    """`to` is for `roll_back` alone: the number of an earlier version, where it is not the last one.

    `everything` is for `roll_back` and `end_trial` where several versions take part in a rollout: all of them
    leave, not the release's own alone. `hours` is for `run_aa` alone: how long it lasts, a day where it is
    left out.

    `share` is for `join_rollout`: the share of units that the version gets, where shares are fixed.
    """

    example = {"grounds": "all four have signed"}

    grounds = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")
    to = serializers.IntegerField(required=False, allow_null=True, min_value=1, default=None)
    everything = serializers.BooleanField(required=False, default=False)
    hours = serializers.FloatField(required=False, allow_null=True, default=None)
    share = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=1, default=None)


class ReturnShape(serializers.Serializer[object]):
    """A version that could be live again: when it last was. `refusal` says why it cannot, or is empty.

    `loaded`: the nodes have it, so that it answers within a second; any other is verified first.
    """

    version = serializers.IntegerField(source="number")
    release = serializers.IntegerField(source="release.pk")
    live_since = serializers.DateTimeField(source="since", allow_null=True)
    live_until = serializers.DateTimeField(source="until", allow_null=True)
    metric = serializers.SerializerMethodField()
    loaded = serializers.BooleanField()
    refusal = serializers.CharField()
    warnings = serializers.ListField(child=serializers.CharField())

    def get_metric(self, back: returns.Return) -> dict[str, str | float] | None:
        found = evidence.quality_of(back.release)
        return {"name": found.metric, "value": found.value} if found else None


class ReturnsShape(serializers.Serializer[object]):
    """`next` is the version to which a roll-back goes that names none, null where it has to."""

    next = serializers.IntegerField(allow_null=True)
    versions = ReturnShape(many=True)


class WaitQuery(Strict):
    """`wait` seconds (at most 60) for a gate to change; `seen` is the answer's `seen` from last time."""

    wait = serializers.FloatField(required=False, default=0, min_value=0, max_value=60)
    seen = serializers.CharField(required=False, default="", max_length=64, allow_blank=True)


class MomentQuery(Strict):
    at = serializers.DateTimeField(required=False, default=None)


class ProgressShape(serializers.Serializer[object]):
    """How far a running gate is: rows of a set, blocks of the benchmark. `version` is who is asked."""

    part = serializers.CharField()
    version = serializers.IntegerField()
    done = serializers.IntegerField()
    of = serializers.IntegerField()
    expected_end = serializers.DateTimeField(allow_null=True)


class GateShape(serializers.Serializer[object]):
    """One gate's verdict with its evidence."""

    name = serializers.CharField(source="gate")
    outcome = serializers.CharField()
    running = serializers.BooleanField()
    summary = serializers.CharField()
    evidence = serializers.DictField()
    progress = serializers.SerializerMethodField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(ProgressShape(allow_null=True))
    def get_progress(self, run: GateRun) -> dict[str, object] | None:
        return run.progress or None


class GatesShape(serializers.Serializer[object]):
    state = serializers.CharField()
    seen = serializers.CharField()
    gates = GateShape(many=True)


class ReviewShape(serializers.Serializer[object]):
    """`counts` is false once anything that the review rests on has changed."""

    slot = serializers.CharField()
    verdict = serializers.CharField()
    person = serializers.CharField(source="person.username")
    grounds = serializers.CharField(source="grounds.__str__")
    at = serializers.DateTimeField(source="created_at")
    counts = serializers.SerializerMethodField()

    def get_counts(self, review: Review) -> bool:
        return bool(review.evidence_digest == review.release.evidence_digest)


class StageShape(serializers.Serializer[object]):
    """One part of a rollout. `shares` maps a version's number to its share of units."""

    place = serializers.IntegerField()
    kind = serializers.CharField()
    shares = serializers.DictField(child=serializers.FloatField())
    pair_share = serializers.FloatField()
    min_dwell_s = serializers.IntegerField()
    max_dwell_s = serializers.IntegerField(allow_null=True)
    begun_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    end = serializers.CharField(help_text="`passed`, `turned_back`, or empty while it lasts.")


class RolloutShape(serializers.Serializer[object]):
    """`phase` is that of the switch that leads into its newest stage, `waiting` before its time. `release`
    has started it: another one takes part in it, where it is named in the strategy's `against`."""

    release = serializers.IntegerField(source="release_id")
    id = serializers.IntegerField(source="pk")
    phase = serializers.CharField()
    reason = serializers.CharField()
    replaces = serializers.SerializerMethodField()
    returns_to = serializers.SerializerMethodField(
        help_text="The version that a live release goes back to by this; null for a way forward."
    )
    stages = StageShape(many=True, source="stages.all")
    nodes = serializers.DictField(
        source="switch.nodes", help_text="What each node said when it was asked to load it: ready or silent."
    )
    verified_rows = serializers.IntegerField(source="switch.verified_rows", allow_null=True)
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)

    def get_replaces(self, rollout: Rollout) -> int | None:
        return None if rollout.previous is None else int(rollout.previous.version.number)

    def get_returns_to(self, rollout: Rollout) -> int | None:
        return None if rollout.returns_to is None else int(rollout.returns_to.version.number)


class ReleaseLine(serializers.Serializer[object]):
    """A release in a list. `model` is the model's slug."""

    id = serializers.IntegerField(source="pk")
    model = serializers.CharField(source="model.name")
    model_name = serializers.CharField(source="model.called")
    version = serializers.IntegerField(source="version.number")
    digest = serializers.CharField(source="version.digest")
    environment = serializers.CharField(source="environment.name")
    state = serializers.CharField()
    strategy = serializers.DictField()
    opened_by = serializers.CharField(source="opened_by.username")
    opened_at = serializers.DateTimeField()
    state_since = serializers.DateTimeField()
    url = serializers.SerializerMethodField()

    def get_url(self, release: Release) -> str:
        return f"/api/v1/releases/{release.pk}"


class ReleaseShape(ReleaseLine):
    """A release with all that is known about it.

    `actions` are open to whoever asks; `refused` says why the others that the lifecycle allows are not.
    """

    policy = serializers.DictField()
    builders = serializers.SerializerMethodField(
        help_text="Accounts that `built.by` means; none: unknown here."
    )
    gates = GateShape(source="gate_runs", many=True)
    reviews = ReviewShape(many=True)
    open_slots = serializers.SerializerMethodField()
    actions = serializers.SerializerMethodField()
    refused = serializers.SerializerMethodField()
    rolls_back_to = serializers.SerializerMethodField(
        help_text="What answers after a roll-back that names no version; null where there is none."
    )
    rollout = serializers.SerializerMethodField()
    revision = serializers.SerializerMethodField()
    timeline = serializers.SerializerMethodField()

    def get_builders(self, release: Release) -> list[str]:
        return [person.username for person in selectors.builders(release)]

    def get_open_slots(self, release: Release) -> list[str]:
        return list(selectors.facts(release).open_slots)

    def _choices(self, release: Release) -> list[tuple[Row, str]]:
        return actions.choices(release, self.context["access"])

    def get_actions(self, release: Release) -> list[str]:
        return [row.name for row, reason in self._choices(release) if not reason]

    def get_refused(self, release: Release) -> dict[str, str]:
        return {row.name: reason for row, reason in self._choices(release) if reason}

    @extend_schema_field(ReturnShape(allow_null=True))
    def get_rolls_back_to(self, release: Release) -> dict[str, object] | None:
        back = returns.before(release) if release.state == State.LIVE else None
        return None if back is None else dict(ReturnShape(back).data)

    @extend_schema_field(RolloutShape(allow_null=True))
    def get_rollout(self, release: Release) -> dict[str, object] | None:
        latest = next(iter(selectors.taken_part(release)), None)
        return None if latest is None else dict(RolloutShape(latest).data)

    def get_revision(self, release: Release) -> int:
        route = selectors.route(release.model, release.environment)
        return 0 if route is None else int(route.revision)

    @extend_schema_field(EventShape(many=True))
    def get_timeline(self, release: Release) -> list[dict[str, object]]:
        return [dict(line) for line in EventShape(selectors.timeline(release), many=True).data]


class ArmShape(serializers.Serializer[object]):
    """One version that answers, and the share of units that it answers."""

    version = serializers.IntegerField()
    share = serializers.FloatField()
    reason = serializers.CharField()


class UnseenShape(serializers.Serializer[object]):
    """A version that was asked too, unheard, and the share of units whose requests it was asked."""

    version = serializers.IntegerField()
    share = serializers.FloatField()


class TrialShape(serializers.Serializer[object]):
    """The version that answered so many named units, whatever the shares, and nobody else."""

    version = serializers.IntegerField()
    units = serializers.IntegerField()


class DecidedByShape(serializers.Serializer[object]):
    """The decision that led to it: its event in the log, its reason, and who had started the rollout."""

    event = serializers.IntegerField()
    why = serializers.CharField(allow_blank=True)
    started_by = serializers.CharField(allow_blank=True)


class StandingShape(serializers.Serializer[object]):
    """What answers (or answered) for a model in an environment, for whom, since when, and by whose decision.
    `asked` names the features of a request that decided who answered it; a version's share is then that of a
    context in the mean.

    `by` is a person, unless the rollout itself has taken a version back. `even` is the share of units for
    whom all versions played alike, and part of their shares. `given_up` says why a node runs what is live no
    more, where nothing could take its place.
    """

    model = serializers.CharField()
    environment = serializers.CharField()
    revision = serializers.IntegerField()
    since = serializers.DateTimeField(allow_null=True)
    by = serializers.CharField(allow_null=True)
    arms = ArmShape(many=True)
    unseen = UnseenShape(many=True)
    trial = TrialShape(allow_null=True)
    even = serializers.FloatField()
    asked = serializers.ListField(child=serializers.CharField())
    decision = DecidedByShape(allow_null=True)
    given_up = serializers.CharField(allow_null=True)


class UploadedShape(serializers.Serializer[object]):
    number = serializers.IntegerField()
    digest = serializers.CharField()
    url = serializers.CharField()
    release = serializers.DictField(allow_null=True)
    unchanged = serializers.BooleanField()


_VALUE = {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}


@extend_schema_field({"oneOf": [*_VALUE["oneOf"], {"type": "array", "items": _VALUE}], "example": 3})
class FeedbackValue(serializers.JSONField):
    """The true value, or a list with one for each row of the request."""


class FeedbackItem(Strict):
    """A `reward` or a `label` for one answer, by the request id that the answer carried."""

    example = {"request_id": "the id that the answer carried", "reward": 1.0}

    request_id = serializers.CharField()
    reward = serializers.FloatField(
        required=False, allow_null=True, min_value=-MOST_REWARD, max_value=MOST_REWARD
    )
    label = FeedbackValue(required=False, allow_null=True)  # type: ignore[assignment]


class FeedbackStatus(serializers.Serializer[object]):
    request_id = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(["accepted", "duplicate", "late", "unknown", "invalid"])
    reason = serializers.CharField(required=False)


class VersionFeedback(serializers.Serializer[object]):
    version = serializers.IntegerField()
    rewards = serializers.IntegerField()
    labels = serializers.IntegerField()
    mean = serializers.FloatField(allow_null=True)


class FeedbackCounts(serializers.Serializer[object]):
    versions = VersionFeedback(many=True)


def standing(model: str, environment: str, route: Route | None, given_up: str | None) -> dict[str, object]:
    """The JSON of StandingShape; without a route nothing ever answered."""
    of = whom(route.entry) if route else Whom()
    decided = selectors.decided(route) if route else None
    return {
        "model": model,
        "environment": environment,
        "revision": route.revision if route else 0,
        "since": route.at if route else None,
        "by": decided.by if decided else None,
        "arms": of.versions,
        "unseen": [{"version": version, "share": share} for version, share in of.unseen],
        "trial": {"version": of.tried, "units": of.named} if of.named else None,
        "even": of.even,
        "asked": list(of.asked),
        "decision": decided,
        "given_up": given_up,
    }
