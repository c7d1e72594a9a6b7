"""The automatic gates of a release: run in order in the sandbox, each verdict kept with its evidence.

One `prove` job takes all gates of a release. A gate that is finished is left alone, so the job may
run twice; a verdict counts only from the attempt that started it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from registry.errors import NotAllowed
from registry.events import record
from registry.ledger import canonical
from registry.models import ApiToken, Job, Person
from registry.sandbox.folders import held_folder, sweep, sweep_abandoned
from registry.selectors import access
from registry.services.jobs import LostLease
from registry.transactions import write
from releases import covers, policies, selectors
from releases.events import Kind
from releases.lifecycle import Action, State
from releases.models import AskedSlot, GateRun, Release
from releases.proof.gates import Outcome, Verdict
from releases.proof.gates.catalog import BLOCKING
from releases.services.forecasting import Told
from releases.services.measuring import Bench
from releases.services.transitions import advance
from scoring.crashpoints import crashpoint

ACTOR = "system/gates"
log = logging.getLogger(__name__)
LEFT_BEHIND_AFTER_S = 24 * 3600
"""What nobody holds goes after a day, whatever its name; a proof that is held may take a week."""


def prove(release_id: int, job: Job) -> None:
    """Run every gate of the release that has no verdict, then conclude. Safe to repeat."""
    release = Release.objects.select_related("version__model", "model", "environment").get(pk=release_id)
    if release.state != State.VALIDATING:
        return
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    sweep(settings.WORK_DIR, LEFT_BEHIND_AFTER_S)
    sweep_abandoned("proof-", settings.WORK_DIR)
    with held_folder(f"proof-{release_id}-", settings.WORK_DIR) as folder:
        bench = Bench(release, folder, lambda told: _note(release, job, told))
        for run in release.gate_runs.filter(outcome=GateRun.Outcome.PENDING).order_by("position"):
            _start(release, run, job)
            crashpoint("gate.started")
            verdict = bench.measure(run.gate)
            _finish(release, run, verdict)
            crashpoint("gate.finished")
            if verdict.outcome != Outcome.PASSED and run.gate in BLOCKING:
                break
    conclude(release)


def conclude(release: Release) -> None:
    """Pass or fail the release when its gates allow it; errors of ours decide nothing."""
    with write():
        release = Release.objects.select_for_update().select_related("version", "model").get(pk=release.pk)
        runs = list(release.gate_runs.order_by("position"))
        if release.state != State.VALIDATING:
            return
        failed = [run.gate for run in runs if run.outcome == GateRun.Outcome.FAILED]
        if failed:
            advance(release, Action.FAIL_GATES, actor=ACTOR, failed=failed)
        elif all(run.outcome == GateRun.Outcome.PASSED for run in runs):
            digest = evidence_digest(release, runs)
            slots = (AskedSlot(release=release, slot=slot) for slot in release.policy["slots"])
            AskedSlot.objects.bulk_create(slots)
            Release.objects.filter(pk=release.pk).update(evidence_digest=digest)
            advance(release, Action.PASS_GATES, actor=ACTOR, evidence=digest)


def evidence_digest(release: Release, runs: list[GateRun]) -> str:
    """The digest of all that a reviewer decides on. A signature for another one does not count."""
    stands_on = {
        "version": release.version.digest,
        "policy": release.policy,
        "strategy": release.strategy,
        "gates": {run.gate: [run.outcome, run.summary, run.evidence] for run in runs},
    }
    return hashlib.sha256(canonical(stands_on).encode()).hexdigest()


def retry(release: Release, *, by: Person, token: ApiToken | None = None) -> Release:
    """Run the gates again that ended in an error of ours."""
    if reason := policies.refuse_retry(access(by, token, release.model), selectors.facts(release)):
        raise NotAllowed(reason)
    with write():
        release.gate_runs.filter(outcome=GateRun.Outcome.ERRORED).update(
            outcome=GateRun.Outcome.PENDING,
            summary="",
            evidence={},
            progress={},
            started_at=None,
            finished_at=None,
        )
        record(Kind.GATES_RETRIED, release.subject, actor=(token or by).actor, model=release.model.name)
    return release


def give_up(release_id: int, reason: str) -> None:
    """The proof could not be run three times: the gates that are open are errored, nothing is rejected."""
    release = Release.objects.select_related("model").get(pk=release_id)
    verdict = Verdict(Outcome.ERRORED, f"This gate could not be run: {reason}"[:500])
    waiting = list(release.gate_runs.filter(outcome=GateRun.Outcome.PENDING).order_by("position"))
    # What could not even be started needs its button too.
    for run in [run for run in waiting if run.started_at] or waiting[:1]:
        _finish(release, run, verdict)


def _start(release: Release, run: GateRun, job: Job) -> None:
    with write():
        run.attempt = _attempt(job)
        run.started_at, run.progress = timezone.now(), {}
        run.save(update_fields=["attempt", "started_at", "progress"])
        record(Kind.GATE_STARTED, release.subject, actor=ACTOR, model=release.model.name, gate=run.gate)


def _attempt(job: Job) -> int:
    return job.attempt + 1000 * job.pk


def _note(release: Release, job: Job, told: Told) -> None:
    """Say on the gate that runs how far it is. Raises LostLease where it is somebody else's by now."""
    runs = GateRun.objects.filter(release=release, outcome=GateRun.Outcome.PENDING, attempt=_attempt(job))
    try:
        mine = runs.filter(started_at__isnull=False).update(progress=told)
    except DatabaseError as error:
        log.warning("the progress of %s was not noted: %s", release.subject, error)
        return
    if not mine:
        raise LostLease(f"the gates of {release.subject} are measured by somebody else")


def _kept_evidence(run: GateRun) -> object:
    """As the database gives it back: that is what a verification will hold against the digest."""
    return GateRun.objects.values_list("evidence", flat=True).get(pk=run.pk)


def _finish(release: Release, run: GateRun, verdict: Verdict) -> None:
    evidence: Mapping[str, Any] = verdict.evidence
    with write():
        mine = GateRun.objects.filter(pk=run.pk, attempt=run.attempt, outcome=GateRun.Outcome.PENDING)
        if not mine.update(
            outcome=str(verdict.outcome),
            summary=verdict.summary,
            evidence=dict(evidence),
            progress={},
            finished_at=timezone.now(),
        ):
            raise LostLease(f"{run} was measured by somebody else")
        record(
            Kind.GATE_FINISHED,
            release.subject,
            actor=ACTOR,
            model=release.model.name,
            version=release.version.number,
            gate=run.gate,
            outcome=str(verdict.outcome),
            summary=verdict.summary,
            evidence=covers.evidence_digest(_kept_evidence(run)),
        )
