"""However much waits, the broker carries a handful of wake-ups, and each job runs once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from uuid import uuid4

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.db import connection

from config import clock
from config.ringing import MOST_ON_THE_WAY, Ringer, on_the_way
from registry import wakeups
from registry.models import Job
from registry.services import jobs
from releases import tasks
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
MANY = 10_000


class Broker:
    """A Celery application on the real broker, with queues of this test's own."""

    def __init__(self, url: str) -> None:
        self.queue = f"test-{uuid4().hex[:8]}"
        self.app = Celery(self.queue, broker=url, set_as_current=False)
        self.app.conf.update(
            task_ignore_result=True, worker_prefetch_multiplier=1, worker_hijack_root_logger=False
        )
        self.longest = 0

    def length(self) -> int:
        with self.app.connection_for_write() as held:
            self.longest = max(self.longest, found := on_the_way(held.default_channel, self.queue))
        return found


@pytest.fixture
def broker(redis_url, monkeypatch):
    url = redis_url.replace("unix://", "redis+socket://", 1)
    made = Broker(url)
    ringer = Ringer(made.app)
    monkeypatch.setattr(wakeups, "_ring", lambda queue: ringer.ring(queue or made.queue))
    return made


@pytest.fixture
def done(monkeypatch):
    """How often each job's work was done."""
    counted: Counter[int] = Counter()
    lock = threading.Lock()

    def count(job: Job) -> None:
        with lock:
            counted[job.pk] += 1

    monkeypatch.setitem(tasks.WORK, "prove", count)
    return counted


def rows(broker: Broker, many: int) -> None:
    Job.objects.bulk_create(
        Job(kind="prove", subject=f"release/{n}", queue=broker.queue, model="many", turn=n)
        for n in range(many)
    )


def test_ten_thousand_waiting_jobs_and_nobody_who_listens_are_a_handful_of_messages(broker):
    rows(broker, MANY)
    for _ in range(3 * MOST_ON_THE_WAY):
        tasks.tick()
        time.sleep(0.01)  # the ringer would make one of rings that come together
        broker.length()
    assert 0 < broker.longest <= MOST_ON_THE_WAY


def test_the_clock_falls_silent_while_nobody_listens(broker, monkeypatch, tmp_path):
    monkeypatch.setattr(clock, "DISPATCHER", broker.queue)
    broker.app.conf.beat_schedule_filename = str(tmp_path / "beat")
    ticking = clock.Clock(broker.app, schedule_filename=str(tmp_path / "beat"), lazy=True)
    ticking.setup_schedule()
    ticking.add(name="tick", task="releases.tick", schedule=1.0, options={"queue": broker.queue})
    for _ in range(3 * MOST_ON_THE_WAY):
        ticking.apply_async(ticking.schedule["tick"])
    assert broker.length() == MOST_ON_THE_WAY
    ticking.close()


def test_all_jobs_drain_once_each_from_a_single_wakeup(broker, done, soak):
    many = MANY if soak else 500
    rows(broker, many)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA synchronous=OFF")
    with start_worker(broker.app, pool="solo", queues=[broker.queue], perform_ping_check=False):
        wakeups.ring_queue(broker.queue)
        wait_until(lambda: broker.length() >= 0 and len(done) == many, "all jobs", seconds=240)
    assert set(done.values()) == {1}
    assert broker.longest <= MOST_ON_THE_WAY
    assert not Job.objects.exclude(state=Job.State.DONE).exists()
    assert jobs.waiting() == []
