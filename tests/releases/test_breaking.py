"""What follows when a node has given up a version: a decision, exactly once."""

from __future__ import annotations

import json
import threading
import time
import uuid

import pytest
import redis
from django.db import connection
from django.urls import reverse

from formats import heartbeat
from registry.models import Event, Role
from releases import dataplane, selectors
from releases.errors import NodesFailed
from releases.lifecycle import Action, State
from releases.models import Rollout, Switch
from releases.rollout import publishing, quorum
from releases.rollout.switching import nodes as asking
from releases.rollout.switching import switches
from releases.services import breaking, rollouts
from releases.services.transitions import advance
from tests import makers, spoken

pytestmark = pytest.mark.django_db


@pytest.fixture
def chloe():
    return makers.person("chloe", Role.RELEASE_MANAGER)


@pytest.fixture
def nodes(broker):
    return Nodes(broker)


class Nodes:
    """Heartbeats in an environment of this test's own."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)
        self.environment = makers.environment(f"e{uuid.uuid4().hex[:12]}")

    def say(self, release, *, node="n1", boot="b1", at=5.0, age=0.0, digest=None):
        number = release.version.number
        told = {
            "why": "3 workers died within 4 s while they ran it (SIGFPE)",
            "at": at,
            "digest": digest or release.version.digest,
            "crashes": 3,
            "signals": ["SIGFPE"],
            "within_s": 4,
        }
        model = {"revision": 1, "ready": [], "failed": {}, "broken": {str(number): told}}
        beat = {"node": node, "boot": boot, "at": time.time() - age, "models": {release.model.name: model}}
        spoken.say(self._client, self.environment.name, node, json.dumps(beat))

    def watch(self):
        breaking.watch(self.environment, publishing.heartbeats(self.environment))


def replaced(nodes, chloe):
    """A first release, superseded by a second that is live."""
    first = makers.release(state=State.LIVE, environment=nodes.environment.name)
    second = rolling(nodes, chloe, first)
    makers.close(Rollout.objects.filter(release=second))
    advance(first, Action.SUPERSEDE, actor="system/test")
    advance(second, Action.PROMOTE, actor="system/test")
    return first, second


def rolling(nodes, chloe, first):
    version = makers.version(first.model)
    second = makers.release(version, state=State.APPROVED, environment=nodes.environment.name)
    return rollouts.start_rollout(second, by=chloe)


def states(*releases):
    for release in releases:
        release.refresh_from_db()
    return [release.state for release in releases]


def tripped():
    return list(Event.objects.filter(kind="breaker.tripped").order_by("seq"))


def test_a_live_version_that_a_node_gave_up_goes_back_by_itself_once(nodes, chloe):
    first, second = replaced(nodes, chloe)
    nodes.say(second)
    for _ in range(3):
        nodes.watch()

    assert states(first, second) == [State.LIVE, State.ROLLED_BACK]
    (event,) = tripped()
    assert (event.actor, event.facts["node"], event.facts["crashes"]) == ("system/breaker", "n1", 3)
    assert event.facts["stays"] is False
    rolled_back = Event.objects.get(kind="release.rolled_back")
    assert rolled_back.actor == "system/breaker"
    assert "Node n1 gave up version 2: 3 workers died within 4 s" in rolled_back.facts["reason"]
    entry = selectors.route(first.model, first.environment).entry
    assert [arm["version"] for arm in entry["arms"]] == [1]


def test_a_rollout_turns_back_once_whoever_looks(nodes, chloe):
    first = makers.release(state=State.LIVE, environment=nodes.environment.name)
    second = rolling(nodes, chloe, first)
    nodes.say(second)
    nodes.say(second, node="n2")
    for _ in range(2):
        nodes.watch()

    rollout = Rollout.objects.get()
    assert rollout.switch.phase == "reverting"
    assert "Node n1 gave up version 2" in rollout.reason
    assert Event.objects.filter(kind="rollout.reverting").count() == 1
    assert [event.facts["node"] for event in tripped()] == ["n1", "n2"]


def test_a_first_version_stays_and_its_page_says_so(nodes, client):
    only = makers.release(state=State.LIVE, environment=nodes.environment.name)
    nodes.say(only)
    for _ in range(2):
        nodes.watch()

    assert states(only) == [State.LIVE]
    (event,) = tripped()
    assert event.facts["stays"] is True
    client.force_login(only.version.uploaded_by)
    page = client.get(reverse("release", args=[only.pk])).content.decode()
    assert "not answering everywhere" in page
    assert "There is nothing to go back to" in page
    assert "gave up a version" in client.get(reverse("health")).content.decode()


@pytest.mark.parametrize("wrong", [{"age": 60.0}, {"digest": "0" * 64}])
def test_a_silent_node_and_another_version_of_that_number_decide_nothing(nodes, chloe, wrong):
    first, second = replaced(nodes, chloe)
    nodes.say(second, **wrong)
    nodes.watch()

    assert states(first, second) == [State.SUPERSEDED, State.LIVE]
    assert tripped() == []


def test_while_another_version_is_on_its_way_the_live_one_waits_for_it(nodes, chloe):
    first, second = replaced(nodes, chloe)
    third = rolling(nodes, chloe, second)
    nodes.say(second)
    nodes.watch()
    assert states(second) == [State.LIVE]

    makers.close(Rollout.objects.filter(release=third))
    advance(third, Action.ROLL_BACK, actor="system/test")
    nodes.watch()
    assert states(first, second) == [State.LIVE, State.ROLLED_BACK]


def test_a_switch_goes_no_further_with_what_a_node_gave_up(nodes, chloe):
    first = makers.release(state=State.LIVE, environment=nodes.environment.name)
    second = rolling(nodes, chloe, first)
    nodes.say(second)
    beats = publishing.heartbeats(nodes.environment)
    Switch.objects.update(prepared=9, due="2026-01-01T00:00Z")
    switch = switches.as_it_stands(Switch.objects.get())

    with pytest.raises(NodesFailed, match="n1 gave up version 2: 3 workers died"):
        quorum.judge(asking.wanted_of(switch), beats, time.time())
    switch.phase, switch.reverted = Switch.Phase.REVERTING, 1
    assert quorum.judge(asking.wanted_of(switch), beats, time.time()) == {"n1": "ready"}


@pytest.mark.django_db(transaction=True)
def test_many_that_react_at_once_make_one_decision(nodes, chloe):
    first, second = replaced(nodes, chloe)
    nodes.say(second)

    def look():
        try:
            nodes.watch()
        finally:
            connection.close()

    lookers = [threading.Thread(target=look) for _ in range(6)]
    for each in lookers:
        each.start()
    for each in lookers:
        each.join()

    assert states(first, second) == [State.LIVE, State.ROLLED_BACK]
    assert len(tripped()) == 1
    assert Event.objects.filter(kind="release.restored").count() == 1


def test_a_heartbeat_without_trips_is_read_as_before():
    beat = heartbeat.read("n", b'{"boot": "b", "at": 1.0, "models": {"m": {"revision": 2}}}')
    assert beat.of("m").broken == {}


def test_a_heartbeat_that_no_node_of_ours_wrote_is_neither_believed_nor_called(nodes, chloe):
    """Who can write to Redis gets no token by giving an address, and takes no version back."""
    first, second = replaced(nodes, chloe)
    told = {"why": "they say so", "at": 5.0, "digest": second.version.digest}
    models = {second.model.name: {"revision": 9, "ready": [2], "broken": {"2": told}}}
    beat = {
        "node": "evil",
        "at": time.time(),
        "address": "http://evil:1",
        "models": models,
        "workers": [{"slot": 0}],
    }
    key = f"assay:{nodes.environment.name}:node:evil"
    dataplane.client().set(key, json.dumps(beat), ex=30)

    nodes.watch()
    (seen,) = publishing.heartbeats(nodes.environment)
    assert (seen.alive(time.time()), seen.address, seen.strange) == (False, "", ("its seal",))
    assert states(first, second) == [State.SUPERSEDED, State.LIVE]
    nodes.say(second, node="n1")
    dataplane.client().set(key, dataplane.client().get(key.replace("evil", "n1")), ex=30)
    assert {beat.node: beat.alive(time.time()) for beat in publishing.heartbeats(nodes.environment)} == {
        "evil": False, "n1": True
    }, "one node's words are not another's"  # fmt: skip
