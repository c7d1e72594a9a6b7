"""Logged answers: segments that nodes have stored are registered, read back, and deleted in time."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django.conf import settings

from registry import names
from registry.errors import NotFound
from registry.models import Artifact, RegisteredModel
from registry.services.downloads import Download, opened
from registry.storage.base import Forgets
from registry.stores import artifact_store
from registry.transactions import write
from releases import dataplane
from releases.models import Environment, PredictionSegment
from scoring.artifacts import blob_path

_AT_ONCE = 200
"""Segments that go with one pass: each is a file, too."""
log = logging.getLogger(__name__)


def register(environment: Environment, batches: Iterable[dataplane.Batch]) -> None:
    """Note what the nodes have stored, inside the transaction that counts the same flushes."""
    told = [(batch.node, segment) for batch in batches for segment in _segments(batch)]
    if not told:
        return
    said = [segment.get("model") for _, segment in told if isinstance(segment, dict)]
    slugs = {name for name in said if isinstance(name, str) and names.is_slug(name)}
    found = RegisteredModel.objects.filter(name__in=slugs)
    models = {model.name: model for model in found}
    for node, segment in told:
        try:
            facts = _facts(segment)
            model = models[segment["model"]]
        except (KeyError, TypeError, ValueError, OverflowError):
            log.exception("a segment of node %s cannot be registered: left out", node)
            continue
        PredictionSegment.objects.get_or_create(
            digest=facts.pop("digest"),
            defaults={"environment": environment, "model": model, "node": node, **facts},
        )


def _segments(batch: dataplane.Batch) -> list[Any]:
    told = batch.body.get("segments")
    return told if isinstance(told, list) else []


def _facts(segment: Any) -> dict[str, Any]:
    blob_path(segment["digest"])
    return {
        "version": int(segment["version"]),
        "from_at": datetime.fromtimestamp(segment["from_ms"] / 1000, UTC),
        "to_at": datetime.fromtimestamp(segment["to_ms"] / 1000, UTC),
        "requests": int(segment["requests"]),
        "rows": int(segment["rows"]),
        "digest": segment["digest"],
        "size": int(segment["size"]),
    }


def open_segment(model: RegisteredModel, digest: str) -> Download:
    """The archive of that digest. Raises NotFound, and DamagedArtifact where the store has it not."""
    found = PredictionSegment.objects.filter(model=model, digest=digest).first()
    if found is None:
        raise NotFound("There is no such segment of logged answers.", digest=digest)
    name = f"{model.name}-{found.version}-{found.to_at:%Y%m%dT%H%M%S}.npz"
    return opened(name, found.size, digest)


def forget_old(now: datetime | None = None) -> int:
    """Delete what is older than the promised time: the rows first, then the bytes; how many segments."""
    oldest = (now or datetime.now(UTC)) - timedelta(days=settings.PREDICTION_LOG_DAYS)
    with write():
        old = list(PredictionSegment.objects.filter(to_at__lt=oldest).order_by("to_at")[:_AT_ONCE])
        PredictionSegment.objects.filter(pk__in=[segment.pk for segment in old]).delete()
        digests = {segment.digest for segment in old}
        # A client may have uploaded the very same bytes.
        digests -= set(Artifact.objects.filter(pk__in=digests).values_list("pk", flat=True))
    for digest in digests:
        # A kill here leaves bytes that nothing names.
        cast("Forgets", artifact_store()).forget(digest)
    return len(old)
