"""When the nodes have followed a step of a switch."""

from __future__ import annotations

import pytest

from formats.heartbeat import Heartbeat, NodeModel, Trip
from releases.errors import NodesFailed
from releases.rollout.quorum import Wanted, judge, late

NOW = 1000.0
WANTED = Wanted("m", 5, loaded=frozenset({2}), sound=frozenset({2}))


def node(name="n1", revision=5, ready=(1, 2), age=0.0, pattern="*", **told):
    state = NodeModel(revision, frozenset(ready), **told)
    return Heartbeat(name, at=NOW - age, pattern=pattern, models={"m": state})


def test_all_that_live_have_followed():
    assert judge(WANTED, [node(), node("n2", 6)], NOW) == {"n1": "ready", "n2": "ready"}


@pytest.mark.parametrize("behind", [node("n2", 4), node("n2", ready=(1,)), Heartbeat("n2", at=NOW)])
def test_one_that_lives_and_has_yet_to_follow_is_waited_for(behind):
    assert judge(WANTED, [node(), behind], NOW) == {}
    assert "in time: n2." in str(late(WANTED, [node(), behind], NOW))


def test_one_that_is_silent_leaves_the_quorum_and_is_named():
    assert judge(WANTED, [node(), node("n2", 1, age=11)], NOW) == {"n1": "ready", "n2": "silent"}


def test_where_nobody_lives_nobody_has_followed():
    assert judge(WANTED, [], NOW) == judge(WANTED, [node(age=11)], NOW) == {}
    assert "no scoring node is alive" in str(late(WANTED, [], NOW))


def test_what_serves_other_models_is_not_asked():
    assert judge(WANTED, [node(), node("gpu", 0, pattern="gpu-*")], NOW) == {"n1": "ready"}


def test_what_a_node_cannot_load_or_has_given_up_is_never_followed():
    with pytest.raises(NodesFailed, match="n2 could not load version 2: no room"):
        judge(WANTED, [node(), node("n2", failed={2: "no room"})], NOW)
    gave_up = node("n2", broken={2: Trip("it crashed")})
    with pytest.raises(NodesFailed, match="n2 gave up version 2: it crashed"):
        judge(WANTED, [node(), gave_up], NOW)
    assert judge(Wanted("m", 5), [node(), gave_up], NOW), "the way back is held up by nobody"
