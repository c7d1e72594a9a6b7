from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from registry.events import Kind, record
from registry.models import Job, Outbox
from registry.services import jobs
from registry.services.dispatching import Wanted, dispatch
from registry.transactions import write
from tests import makers

pytestmark = pytest.mark.django_db


def test_a_job_is_taken_by_one_worker_only():
    job = makers.job()
    first = jobs.claim(job.pk)
    assert first is not None
    assert first.attempt == 1
    assert jobs.claim(job.pk) is None


def test_a_lapsed_lease_makes_a_job_free_and_its_old_holder_cannot_finish_it():
    job = makers.job()
    old = jobs.claim(job.pk)
    Job.objects.update(lease_until=Now() - timedelta(seconds=1))
    new = jobs.claim(job.pk)
    assert new.attempt == 2
    with pytest.raises(jobs.LostLease):
        jobs.finish(old)
    jobs.finish(new)
    assert Job.objects.get().state == Job.State.DONE


def test_a_finished_job_is_never_taken_again():
    job = makers.job()
    jobs.finish(jobs.claim(job.pk))
    assert jobs.claim(job.pk) is None
    assert jobs.waiting() == []


def test_a_postponed_job_waits_and_keeps_its_attempts():
    job = makers.job()
    jobs.postpone(jobs.claim(job.pk), timedelta(hours=1), error="no node")
    assert jobs.waiting() == []
    Job.objects.update(not_before=Now() - timedelta(seconds=1))
    assert jobs.waiting() == ["proving"]
    assert jobs.claim(job.pk).attempt == 2


def react(event):
    return [Wanted("publish_plan", "environment/production")]


def test_an_event_becomes_its_jobs_once_even_when_the_dispatcher_repeats_it():
    with write():
        event = record(Kind.TOKEN_CREATED, "token/a", actor="person/ana")
    assert dispatch({Kind.TOKEN_CREATED: react}) == 1
    Outbox.objects.create(event=event)
    assert dispatch({Kind.TOKEN_CREATED: react}) == 1
    assert Job.objects.count() == 1
    assert not Outbox.objects.exists()


def test_the_outbox_row_stays_when_its_jobs_cannot_be_written():
    with write():
        record(Kind.TOKEN_CREATED, "token/a", actor="person/ana")

    def broken(event):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        dispatch({Kind.TOKEN_CREATED: broken})
    assert Outbox.objects.count() == 1


def enqueued(model: str, count: int = 1) -> None:
    for _ in range(count):
        jobs.enqueue("prove", f"release/{Job.objects.count() + 1}", queue="proving", model=model)


def taken(count: int) -> list[str]:
    """The models of the next jobs, each finished before the next one is taken."""
    found = []
    for _ in range(count):
        job = jobs.claim_next("proving")
        found.append(job.model)
        jobs.finish(job)
    return found


def test_one_models_two_hundred_jobs_do_not_keep_anothers_one_waiting():
    enqueued("many", 200)
    assert taken(50) == ["many"] * 50
    enqueued("one")
    assert "one" in taken(2)
    assert taken(149) == ["many"] * 149
    assert jobs.claim_next("proving") is None


def test_models_alternate_and_a_latecomer_does_not_overtake_for_ever():
    enqueued("a", 10)
    enqueued("b", 10)
    assert taken(6) == ["a", "b"] * 3
    enqueued("c", 10)
    assert sorted(taken(6)) == ["a", "a", "b", "b", "c", "c"]


def test_a_model_that_comes_back_to_an_empty_queue_waits_behind_nobody():
    enqueued("a", 3)
    taken(3)
    enqueued("b", 2)
    enqueued("a")
    assert taken(3) == ["b", "a", "b"]


def test_a_job_with_a_lapsed_lease_keeps_its_turn():
    enqueued("a", 3)
    first = jobs.claim_next("proving")
    Job.objects.filter(pk=first.pk).update(lease_until=Now() - timedelta(seconds=1))
    assert jobs.claim_next("proving").pk == first.pk


def test_the_next_job_is_found_by_the_index_however_many_are_done():
    """Where the plan has a sort or a scan, every claim reads all jobs there ever were."""
    plan = jobs._free().filter(queue="proving").order_by("turn", "pk")[:1].explain()
    if connection.vendor == "sqlite":
        assert "jobs_by_turn" in plan
        assert "TEMP B-TREE" not in plan
