"""What becomes of a release whose job cannot be done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from registry.models import Job
from releases import tasks
from releases.lifecycle import State
from releases.models import GateRun
from tests import makers

pytestmark = pytest.mark.django_db


@pytest.fixture
def proof(monkeypatch):
    """A job of a release that validates, whose proof ends the worker before it says anything."""
    release = makers.release(makers.version(), state=State.VALIDATING)
    monkeypatch.setitem(tasks.WORK, "prove", lambda job: pytest.fail("it ran"))
    return Job.objects.create(kind="prove", subject=release.subject, queue="proving", model="m")


def lost(job: Job, times: int) -> None:
    Job.objects.filter(pk=job.pk).update(
        state=Job.State.RUNNING, attempt=times, lease_until=Now() - timedelta(seconds=1)
    )


def test_a_proof_that_took_three_workers_with_it_is_errored_and_gets_no_fourth(proof):
    lost(proof, 3)
    tasks.work("proving")
    proof.refresh_from_db()
    assert proof.state == Job.State.FAILED
    run = GateRun.objects.exclude(outcome=GateRun.Outcome.PENDING).get()
    assert (run.gate, run.outcome) == ("integrity", GateRun.Outcome.ERRORED)
    assert "its worker was lost 3 times" in run.summary


def test_a_proof_that_took_two_workers_with_it_is_tried_again(proof, monkeypatch):
    tried = []
    monkeypatch.setitem(tasks.WORK, "prove", tried.append)
    lost(proof, 2)
    tasks.work("proving")
    assert [job.pk for job in tried] == [proof.pk]
    proof.refresh_from_db()
    assert proof.state == Job.State.DONE


def test_a_part_of_the_tick_that_fails_delays_none_of_the_others(monkeypatch, caplog):
    places = {makers.environment("production"), makers.environment("staging")}
    done = []

    def fails(environment):
        raise OSError(f"no way into {environment.name}")

    monkeypatch.setattr(tasks, "WATCHED", (fails, done.append))
    monkeypatch.setattr(tasks, "_ring_waiting", lambda: fails(min(places, key=str)))
    tasks.tick()
    assert set(done) == places
    assert sum(record.exc_info is not None for record in caplog.records) == 3
