"""Celery's entry points, and what follows from what: events become jobs, jobs become service calls.

A message only wakes a worker up; `tick` finds every job whose message was lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from celery import shared_task
from django.utils import timezone

from formats.heartbeat import Heartbeat
from registry import disk
from registry.errors import DomainError
from registry.models import Event, Job
from registry.services import jobs
from registry.services.dispatching import Reactions, Wanted, dispatch
from registry.services.heads import tell_head
from registry.wakeups import ring_queue
from releases import selectors
from releases.events import Kind
from releases.models import Environment
from releases.rollout import before, publishing
from releases.rollout.outcomes import cohorts
from releases.rollout.switching import saga
from releases.services import advancing, breaking, condemning, gating, looking, mailing, telling, watching
from releases.traffic import counters, feedback, forgetting, owners, predictions

log = logging.getLogger(__name__)
RETRY_AFTER = timedelta(seconds=2)
"""Times the attempt: what a moment mends is soon done, and what lasts is not asked for all the time."""
WAIT_FOR_ROOM = timedelta(seconds=10)
"""On a full disk; once somebody has made room, nobody waits longer than this."""
LONGEST_PAUSE = timedelta(minutes=1)
"""Once what was in the way is mended, nobody waits longer than this."""


def _on_release(kind: str, queue: str = "control") -> Callable[[Event], list[Wanted]]:
    return lambda event: [Wanted(kind, event.subject, queue)]


def _publish_for_route(event: Event) -> list[Wanted]:
    return [Wanted("publish_plan", f"environment/{event.facts['environment']}")]


def _publish_everywhere(event: Event) -> list[Wanted]:
    return [Wanted("publish_plan", f"environment/{row.name}") for row in selectors.environments()]


def _begin_switch(event: Event) -> list[Wanted]:
    """A rollout forward is told by its release's next state; a way back and an A/A run have only this."""
    alone = "returns_to" in event.facts or event.facts.get("strategy") == {"kind": "aa"}
    return [Wanted("advance_rollout", event.subject)] if alone else []


WORKS: Reactions = {
    Kind.RELEASE_VALIDATING: _on_release("prove", "proving"),
    Kind.GATES_RETRIED: _on_release("prove", "proving"),
    Kind.RELEASE_ROLLING_OUT: _on_release("advance_rollout"),
    Kind.ROLLOUT_STARTED: _begin_switch,
    Kind.ROLLOUT_DECIDED: _on_release("advance_rollout"),
    Kind.ROLLOUT_BEGUN: _on_release("advance_rollout"),
    Kind.ROLLOUT_JOINED: _on_release("advance_rollout"),
    Kind.ROLLOUT_REVERTING: _on_release("advance_rollout"),
    Kind.ROUTE_REVISED: _publish_for_route,
    "token.created": _publish_everywhere,
    "token.revoked": _publish_everywhere,
    "policy.confirmed": _publish_everywhere,
    "role.granted": _publish_everywhere,
    "role.revoked": _publish_everywhere,
    "person.deactivated": _publish_everywhere,
    "person.reactivated": _publish_everywhere,
}


def _reaction(kind: str) -> Callable[[Event], list[Wanted]]:
    """What has to be done, and then who is told of it."""
    works = WORKS.get(kind)

    def react(event: Event) -> list[Wanted]:
        tells = [Wanted("tell", event.subject)] if telling.concerns(event) else []
        return [*(works(event) if works else ()), *tells]

    return react


REACTIONS: Reactions = {kind: _reaction(kind) for kind in {*WORKS, *telling.KINDS}}


def _prove(job: Job) -> None:
    gating.prove(_number(job), job)


def _advance_rollout(job: Job) -> None:
    advancing.advance_rollout(_number(job))


def _publish_plan(job: Job) -> None:
    environment = selectors.environment(job.subject.partition("/")[2])
    if job.event is not None and "changes" in job.event.facts:
        publishing.publish_news(environment)
    else:
        publishing.publish(environment)


def _tell(job: Job) -> None:
    if job.event is not None:
        telling.tell(job.event)


WORK: dict[str, Callable[[Job], None]] = {
    "prove": _prove,
    "advance_rollout": _advance_rollout,
    "publish_plan": _publish_plan,
    "tell": _tell,
}
HEARD: tuple[Callable[[Environment, Sequence[Heartbeat]], object], ...] = (
    breaking.watch,
    saga.hasten,
    looking.look_at_all,
    watching.look_at_all,
    publishing.catch_up,
)
"""What every tick does in each environment with what its nodes say, which is read once for all of them."""
WATCHED: tuple[Callable[[Environment], object], ...] = (
    condemning.watch,
    feedback.ingest,
    publishing.ensure_published,
    counters.ingest,
)
"""What every tick does in each environment."""


def _number(job: Job) -> int:
    return int(job.subject.partition("/")[2])


@shared_task(name="releases.work", acks_late=True, max_retries=0)
def work(queue: str) -> None:
    """Run the job of this queue whose turn it is, and wake the next worker meanwhile. Safe to repeat."""
    job = jobs.claim_next(queue)
    if job is None:
        return
    ring_queue(queue)
    try:
        if job.attempt <= jobs.MOST_ATTEMPTS or not _lost_for_good(job):
            with jobs.lease(job):
                WORK[job.kind](job)
            jobs.finish(job)
    except jobs.LostLease as lost:
        log.warning("%s", lost)
    except jobs.NotYet as wait:
        jobs.postpone(job, wait.until - timezone.now())
    except Exception as error:
        if (refusal := _of_a_disk(error)) is not None:
            log.warning("job %s (%s) waits: %s", job.pk, job, refusal)
            told = f"Waits: {disk.cause(refusal)}. It goes on by itself when that is mended."
            jobs.postpone(job, WAIT_FOR_ROOM, error=told, waits=True)
            return
        log.exception("job %s (%s) failed", job.pk, job)
        _again(job, error)


def _of_a_disk(error: Exception) -> DomainError | None:
    """A disk without room, or a disk or database that takes no writes: somebody will mend it, and nothing is
    given up for it."""
    refusal = error if isinstance(error, DomainError) else disk.told(error)
    return refusal if refusal is not None and refusal.code in ("no_room", "read_only", "store_full") else None


def _lost_for_good(job: Job) -> bool:
    """A proof that took its worker with it three times does not get a fourth one."""
    if job.kind != "prove":
        return False
    lost = f"its worker was lost {jobs.MOST_ATTEMPTS} times while it ran"
    gating.give_up(_number(job), lost)
    jobs.finish(job, error=lost)
    return True


def _again(job: Job, error: Exception) -> None:
    sentence = f"{type(error).__name__}: {error}"
    if job.attempt < jobs.MOST_ATTEMPTS or not _give_up(job, sentence):
        jobs.postpone(job, min(RETRY_AFTER * job.attempt, LONGEST_PAUSE), error=sentence)
        return
    jobs.finish(job, error=sentence)


def _give_up(job: Job, sentence: str) -> bool:
    """What follows from work that failed three times; False where it must be tried for ever."""
    if job.kind == "prove":
        gating.give_up(_number(job), sentence)
        return True
    if job.kind == "advance_rollout":
        return advancing.give_up(_number(job), sentence)
    return False


@shared_task(name="releases.dispatch", ignore_result=True)
def dispatch_events() -> None:
    """Turn what the log has new into jobs."""
    dispatch(REACTIONS)


@shared_task(name="releases.tick", ignore_result=True)
def tick() -> None:
    """Once a second: nothing stays undone because a message, a worker or Redis was lost."""
    _apart(partial(dispatch, REACTIONS), _ring_waiting, tell_head)
    for environment in selectors.environments():
        _apart(partial(_hear, environment), *(partial(part, environment) for part in WATCHED))


def _hear(environment: Environment) -> None:
    beats = publishing.heartbeats(environment)
    _apart(*(partial(part, environment, beats) for part in HEARD))


def _ring_waiting() -> None:
    for queue in jobs.waiting():
        ring_queue(queue)


def _apart(*parts: Callable[[], object]) -> None:
    """Do each part, whatever becomes of the others: feedback nobody can read delays no roll-back."""
    for part in parts:
        try:
            part()
        except Exception:
            log.exception("a part of the tick failed, and is tried again with the next one")


@shared_task(name="releases.roll_up", ignore_result=True)
def roll_up() -> None:
    """Once a minute: no count, unit or answer is kept longer than promised, what came of units is summed
    where its window has closed, and whoever shares this Redis by mistake is found out.
    """
    _apart(
        counters.forget_old,
        predictions.forget_old,
        forgetting.forget_old,
        owners.complete,
        cohorts.sum_closed,
        before.complete,
        mailing.forget_old,
        publishing.say_here,
    )


@shared_task(name="releases.mail", ignore_result=True)
def mail() -> None:
    """Every few seconds, on a queue and worker of its own: a dead mail server holds up nothing else."""
    mailing.send_due()
