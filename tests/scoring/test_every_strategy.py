"""Every strategy's stages on a real node under load, and back again after each: no client notices."""

from __future__ import annotations

import json

from benchmarks.returning import SALT, Mover
from formats import shares
from formats.plan import RENDEZVOUS
from formats.shares import Shares, shares_path
from releases import plans
from releases.rollout.designs.design import Kind
from scoring.node.files import write_atomically
from tests.scoring import models
from tests.scoring.load import Load
from tests.scoring.nodes import Node, wait_for


def test_no_request_fails_in_any_stage_of_any_strategy_nor_on_the_way_back(tmp_path, store):
    old, new = (store.version(number, models.constant(float(number))) for number in (1, 2))
    node = Node(tmp_path, store).start()
    alone = []

    def tell(before, entry):
        if shares.shares_alone(before, entry):
            alone.append(entry)
            said = Shares(
                "production", "", node.sequence + 1, "m", entry.revision, before.revision, entry.arms
            )
            document = json.dumps({"payload": shares.serialise(said)})
            write_atomically(shares_path(node.plan_path), document.encode(), durable=False)
        else:
            node.publish({"m": entry})
        node.wait_revision("m", entry.revision)

    try:
        node.serve({"m": plans.alone(old, revision=1, salt=SALT, warm=[new])})
        mover = Mover(tell, old, new, times=1)
        with Load(node, "m", clients=2, varied=True) as load:
            wait_for(lambda: len(load.seen) > 20, "steady traffic")
            mover.run()
            seen = len(load.seen)
            wait_for(lambda: len(load.seen) > seen + 20, "traffic after all of it")
    finally:
        node.stop()
    assert load.failures == []
    assert {each.version for each in load.seen} == {"1", "2"}
    assert all(each.value == float(each.version) for each in load.seen)
    assert {each.version for each in load.seen[-10:]} == {"1"}, "the last word was a return"
    assert all(mover.returned[kind] == mover.went[kind] >= 1 for kind in Kind)
    assert alone, "a bandit's shares move alone"
    assert {entry.hashing for entry in alone} == {RENDEZVOUS}
