"""What becomes of a release whose job cannot be done."""

from __future__ import annotations

import errno
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from registry import selectors
from registry.models import Job
from registry.storage.errors import StoreFull
from releases import tasks
from releases.lifecycle import State
from releases.models import GateRun
from releases.web.release.standing import View, standing
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


WANTS = {
    "a full disk": (lambda: OSError(errno.ENOSPC, "No space left on device"), "The server's disk is full."),
    "a disk that takes no writes": (lambda: OSError(errno.EROFS, "x"), "The server's disk takes no writes."),
    "a full store": (
        lambda: StoreFull("There is no room left in /store."),
        "There is no room left in /store.",
    ),
}


@pytest.mark.parametrize("kind", ["prove", "advance_rollout", "publish_plan"])
@pytest.mark.parametrize("name", WANTS)
def test_work_that_finds_no_room_waits_says_so_and_goes_on_when_there_is_some(proof, monkeypatch, kind, name):
    make, words = WANTS[name]
    Job.objects.filter(pk=proof.pk).update(kind=kind)
    done = []

    def work(job):
        if len(done) < 5:
            done.append("in vain")
            raise make()
        done.append("done")

    monkeypatch.setitem(tasks.WORK, kind, work)
    for _ in range(6):
        tasks.work("proving")
        told = selectors.reason_to_wait(proof.subject)
        assert told.startswith(f"Waits: {words}") or done[-1] == "done"
        Job.objects.update(not_before=None)

    proof.refresh_from_db()
    assert done == [*["in vain"] * 5, "done"]
    assert proof.state == Job.State.DONE
    assert not GateRun.objects.exclude(outcome=GateRun.Outcome.PENDING).exists()
    assert selectors.reason_to_wait(proof.subject) == ""


def test_a_release_says_what_its_proof_waits_for(proof, monkeypatch):
    def work(job):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(tasks.WORK, "prove", work)
    before = standing(View(State.VALIDATING, "production"))
    tasks.work("proving")
    told = standing(View(State.VALIDATING, "production", waits=selectors.reason_to_wait(proof.subject)))

    assert told.headline == before.headline
    assert (told.tone, told.hurdles[0].text) == (
        "caution",
        "Waits: The server's disk is full. It goes on by itself when that is mended.",
    )


def test_a_part_of_the_tick_that_fails_delays_none_of_the_others(monkeypatch, caplog):
    places = {makers.environment("production"), makers.environment("staging")}
    done = []

    def fails(environment):
        raise OSError(f"no way into {environment.name}")

    monkeypatch.setattr(tasks, "WATCHED", (fails, done.append))
    monkeypatch.setattr(tasks.publishing, "heartbeats", fails)
    monkeypatch.setattr(tasks, "_ring_waiting", lambda: fails(min(places, key=str)))
    tasks.tick()
    assert set(done) == places
    assert sum(record.exc_info is not None for record in caplog.records) == 5
