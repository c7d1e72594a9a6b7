"""What gates have found."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Max, Prefetch

from registry.models import ModelVersion
from releases.lifecycle import State
from releases.models import GateRun, Release

MEASURED = ("confidence", "benchmark")
_PROOFS = 200
"""Newest proofs of a model that are looked through for those of its versions."""
_DECIDED = (GateRun.Outcome.PASSED, GateRun.Outcome.FAILED)


def damaged_artifacts() -> list[str]:
    """Digests of what gates of open releases have found to be lost or damaged in our own store."""
    errored = GateRun.objects.filter(outcome=GateRun.Outcome.ERRORED, release__state=State.VALIDATING)
    told = errored.order_by().values_list("evidence__damaged", flat=True)
    return sorted({digest for digest in told if digest})


def measured(versions: Collection[ModelVersion]) -> dict[int, Release]:
    """The newest release of each version, by its key, with what was measured of it."""
    newest = (
        Release.objects.filter(version__in=versions).order_by().values("version").annotate(last=Max("pk"))
    )
    evidence = Prefetch("gate_runs", GateRun.objects.filter(gate__in=MEASURED).defer("summary"))
    rows = Release.objects.filter(pk__in=newest.values("last")).defer("policy").prefetch_related(evidence)
    return {row.version_id: row for row in rows}


def proofs(versions: Collection[ModelVersion]) -> dict[int, dict[str, GateRun]]:
    """By version and gate, the newest run that came to a verdict, with its release."""
    runs = GateRun.objects.filter(release__version__in=versions, outcome__in=_DECIDED)
    newest = runs.order_by().values("release__version", "gate").annotate(last=Max("pk")).values("last")
    found: dict[int, dict[str, GateRun]] = {version.pk: {} for version in versions}
    for run in runs.filter(pk__in=newest).select_related("release").defer("release__policy"):
        found[run.release.version_id][run.gate] = run
    return found


def kept_answers(versions: Collection[ModelVersion]) -> dict[int, list[tuple[int, dict[str, Any]]]]:
    """By version, the newest proof first: (release, the tables of rows and answers that it left behind)."""
    runs = GateRun.objects.filter(release__version__in=versions, gate="confidence", outcome__in=_DECIDED)
    rows = runs.order_by("-release").values_list("release__version", "release", "evidence__kept")
    found: dict[int, list[tuple[int, dict[str, Any]]]] = {version.pk: [] for version in versions}
    for version, release, kept in rows[:_PROOFS]:
        if kept and kept.get("rows") and kept.get("answers"):
            found[version].append((release, kept))
    return found
