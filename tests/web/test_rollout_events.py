"""What an open page of a rollout is told as it happens, and when nobody tells it any more."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import AsyncClient, Client

from registry.models import Session
from releases import selectors
from releases.rollout.strategies.base import Verdict
from releases.web.rollout import events
from tests.web import staged


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch):
    monkeypatch.setattr(events, "ASK_EVERY_S", 0)
    assert not events._open
    yield
    assert not events._open, "a stream that has ended is still counted"


def heard(client: Client, pk: int, *between: Callable[[], object], seen: str = "") -> list[str]:
    """What is told first, and after each of these has happened."""

    async def listened() -> list[str]:
        asking = AsyncClient()
        asking.cookies = client.cookies
        answer = await asking.get(f"/rollouts/{pk}/events", {"seen": seen})
        assert answer["Content-Type"] == "text/event-stream"
        if not answer.streaming:
            return [answer.content.decode()]
        stream, found = aiter(answer.streaming_content), []
        for happens in (*between, None):
            found.append(await _said(stream))
            if happens:
                await sync_to_async(happens)()
        await stream.aclose()
        return found

    return async_to_sync(listened)()


async def _said(stream) -> str:
    """What is told next; `still open` where a minute has brought signs of life alone."""
    for _ in range(60):
        try:
            said = await anext(stream)
        except StopAsyncIteration:
            return "ended"
        if not said.startswith((b":", b"retry")):
            return said.decode()
    return "still open"


def changed(pk: int) -> str:
    return f"event: changed\ndata: {selectors.pulse(pk).mark}\n\n"


def test_it_tells_that_something_has_happened_and_then_what_that_was_is_asked_for(world, as_):
    moving = staged.build(world, stage=1)
    pk = moving.rollout.pk
    before = changed(pk)
    first, second = heard(as_("vera"), pk, lambda: staged.decision(moving.rollout, "hold", "looked"))
    assert (first, second) == (before, changed(pk))
    assert before != second


def test_what_its_reader_has_seen_is_not_told_again(world, as_):
    moving = staged.build(world, stage=1)
    seen = selectors.pulse(moving.rollout.pk).mark
    staged.decision(moving.rollout, "hold", "looked")
    (told,) = heard(as_("vera"), moving.rollout.pk, seen=seen)
    assert told == changed(moving.rollout.pk)


def test_it_ends_with_the_rollout(world, as_):
    moving = staged.build(world, stage=1)

    def end() -> None:
        staged.over(moving, Verdict.ROLL_BACK, "2", "worse")

    told = heard(as_("vera"), moving.rollout.pk, end, lambda: None, lambda: None)
    assert told[1:] == [changed(moving.rollout.pk), events.OVER, "ended"]
    assert heard(as_("vera"), moving.rollout.pk) == [events.OVER]


def test_it_ends_when_its_reader_has_logged_out(world, as_):
    moving, client = staged.build(world, stage=1), as_("vera")
    told = heard(client, moving.rollout.pk, lambda: Session.objects.all().delete())
    assert told[1] == "ended"


def test_a_person_has_so_many_at_once_and_no_more(world, as_, monkeypatch):
    moving, client = staged.build(world, stage=1), as_("vera")
    monkeypatch.setattr(events, "MOST_OF_ONE", 0)
    assert heard(client, moving.rollout.pk) == [events.LATER]
    monkeypatch.setattr(events, "MOST_OF_ONE", 8)
    monkeypatch.setattr(events, "MOST", 0)
    assert heard(client, moving.rollout.pk) == [events.LATER]


def test_a_server_that_would_hold_a_thread_for_each_asks_to_come_later(world, as_):
    moving = staged.build(world, stage=1)
    assert as_("vera").get(f"/rollouts/{moving.rollout.pk}/events").content.decode() == events.LATER


def test_who_may_not_see_the_rollout_hears_nothing(world, as_):
    moving = staged.build(world, stage=1)
    assert as_("nobody").get(f"/rollouts/{moving.rollout.pk}/events").status_code == 404
    assert Client().get(f"/rollouts/{moving.rollout.pk}/events").status_code == 302
