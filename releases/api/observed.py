"""The JSON of what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import serializers

from registry.api.asking import Strict
from releases.traffic.figures import ArmFigures

if TYPE_CHECKING:
    from releases.models import PredictionSegment


class TrafficQuery(Strict):
    minutes = serializers.IntegerField(required=False, default=60, min_value=1, max_value=1440)
    version = serializers.IntegerField(required=False, default=None, allow_null=True)
    environment = serializers.CharField(required=False, default="", max_length=40)


class BeyondShape(serializers.Serializer[object]):
    """Values beyond the limits of an input (`range`, `choices`) that were counted or clipped, not refused."""

    input = serializers.CharField()
    requests = serializers.IntegerField(help_text="Requests that held any.")
    values = serializers.IntegerField(source="found")


class FiguresShape(serializers.Serializer[object]):
    """A sum. Rates and latencies are null where nobody asked; latencies are known within 6 %."""

    requests = serializers.IntegerField()
    rows = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]
    error_rate = serializers.FloatField(allow_null=True)
    codes = serializers.DictField(child=serializers.IntegerField(), help_text="Errors by code.")
    p50_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)


class ArmTraffic(FiguresShape):
    """One arm of one version. `arm` is champion, canary, named (asked by number) and so on."""

    beyond_limits = BeyondShape(many=True)

    environment = serializers.CharField()
    version = serializers.IntegerField()
    arm = serializers.CharField()


class TrafficShape(serializers.Serializer[object]):
    model = serializers.CharField()
    since = serializers.DateTimeField()
    arms = ArmTraffic(many=True)


class NodeModelShape(serializers.Serializer[object]):
    """`revision` is in force in all workers, `wanted` is the newest; `failed` (not loaded) and `given_up`
    (run no more, after it failed by its own fault) say why, by version."""

    name = serializers.CharField()
    revision = serializers.IntegerField()
    wanted = serializers.IntegerField()
    ready = serializers.ListField(child=serializers.IntegerField())
    loading = serializers.ListField(child=serializers.IntegerField())
    failed = serializers.DictField(child=serializers.CharField())
    given_up = serializers.DictField(child=serializers.CharField())


class WorkerShape(serializers.Serializer[object]):
    slot = serializers.IntegerField()
    pid = serializers.IntegerField()
    sequence = serializers.IntegerField()
    memory_bytes = serializers.IntegerField(default=0)


class NodeShape(serializers.Serializer[object]):
    """A node as it last spoke, `at`; `traffic` is the last hour, `rate` requests a second just now."""

    name = serializers.CharField()
    environment = serializers.CharField()
    state = serializers.ChoiceField(
        ["ready", "starting", "catching_up", "failed", "given_up", "stale", "late", "unreadable", "gone"]
    )
    sentence = serializers.CharField()
    at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    address = serializers.CharField()
    sequence = serializers.IntegerField()
    wanted_sequence = serializers.IntegerField()
    models = NodeModelShape(many=True)
    workers = WorkerShape(many=True)
    restarts = serializers.IntegerField()
    memory_bytes = serializers.IntegerField()
    spool_bytes = serializers.IntegerField(help_text="Feedback that waits to be counted.")
    log_dropped = serializers.IntegerField(help_text="Answers that were to be logged and are not.")
    log_problem = serializers.CharField()
    rate = serializers.FloatField()
    traffic = FiguresShape(source="observed.figures")


class NodesShape(serializers.Serializer[object]):
    nodes = NodeShape(many=True)
    problem = serializers.CharField()


class PredictionSegmentShape(serializers.Serializer[object]):
    """One archive of logged answers: whose, from when to when, how many, where its bytes are."""

    digest = serializers.CharField()
    size = serializers.IntegerField()
    environment = serializers.CharField(source="environment.name")
    version = serializers.IntegerField()
    node = serializers.CharField()
    from_at = serializers.DateTimeField()
    to_at = serializers.DateTimeField()
    requests = serializers.IntegerField()
    rows = serializers.IntegerField()
    url = serializers.SerializerMethodField()

    def get_url(self, segment: PredictionSegment) -> str:
        return f"/api/v1/models/{segment.model.name}/predictions/{segment.digest}"


def arm(line: ArmFigures) -> dict[str, object]:
    """The values of ArmTraffic."""
    counted = FiguresShape(line.figures).data
    return {
        **counted,
        "beyond_limits": line.figures.beyond_limits,
        "environment": line.environment,
        "version": line.version,
        "arm": line.arm,
    }
