"""New weights of one model on a real node: followed at once, never back, and known after a restart."""

from __future__ import annotations

import json
import os
import signal
from contextlib import closing

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from formats import plan as plans
from formats import shares
from formats.shares import Shares, shares_path
from scoring.node.files import write_atomically
from tests.scoring import models
from tests.scoring.load import Load
from tests.scoring.nodes import Node, arms, model, plan, wait_for
from tests.scoring.valkey import PLAN

KEY, STRANGER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
ALL_TO_2, ALL_TO_1 = arms((2, 1.0), (1, 0.0)), arms((2, 0.0), (1, 1.0))


class Source:
    """What a control plane would write beside the node's plan file, signed."""

    def __init__(self, node: Node):
        self.node, self.said = node, []

    def plan(self, sequence, served, **more):
        document = plan(sequence, served, installation="here", **more)
        write_atomically(
            self.node.plan_path, plans.sign(plans.serialise(document), KEY).encode(), durable=False
        )

    def shares(self, sequence, revision, split, *, changes=1, key=KEY, **more):
        facts = {"environment": "production", "installation": "here", "model": "m", **more}
        said = Shares(sequence=sequence, revision=revision, changes=changes, arms=split, **facts)
        self.said.append(plans.sign(shares.serialise(said), key))
        self.write()

    def write(self):
        write_atomically(shares_path(self.node.plan_path), "\n".join(self.said).encode(), durable=False)


@pytest.fixture
def node(tmp_path, store):
    public = tmp_path / "plan.pub"
    public.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    node = Node(tmp_path, store, extra=["--plan-key", str(public)]).start()
    yield node
    if not node.ended():
        node.stop()


@pytest.fixture
def pair(store):
    return [store.version(1, models.constant(1.0)), store.version(2, models.constant(2.0))]


@pytest.fixture
def source(node, pair):
    source = Source(node)
    source.plan(10, {"m": model(1, pair, ALL_TO_1), "n": model(1, pair)})
    node.wait_revision("m", 1)
    node.wait_revision("n", 1)
    return source


def answering(node):
    with closing(node.client()) as client:
        return {client.infer("m", unit=str(each))[2]["model_version"] for each in range(4)}


def test_weights_move_without_a_plan_and_the_heartbeat_says_so(node, source):
    assert answering(node) == {"1"}
    with Load(node, "m", clients=2) as load:
        source.shares(11, 2, ALL_TO_2)
        node.wait_revision("m", 2)
        assert answering(node) == {"2"}
        source.shares(12, 3, ALL_TO_1)
        node.wait_revision("m", 3)
    assert answering(node) == {"1"}
    assert load.failures == []
    facts = node.facts()
    assert (facts["sequence"], facts["models"]["n"]["revision"]) == (10, 1)
    assert facts["restarts"] == 0


FORGED = [
    ({"key": STRANGER}, "does not trust"),
    ({"environment": "elsewhere"}, "another environment"),
    ({"split": arms((3, 1.0))}, "not among the open versions"),
    ({"split": (plans.Arm(1, 5, "canary"),)}, "sum to 2**53"),
]


def test_what_is_forged_or_of_elsewhere_is_refused_with_a_word(node, source):
    for sequence, (forged, why) in enumerate(FORGED, 11):
        source.shares(sequence, 2, **{"split": ALL_TO_2, **forged})
        wait_for(lambda why=why: why in node.output(), f"{why!r} in the log")
    source.shares(20, 3, ALL_TO_1)
    node.wait_revision("m", 3)
    assert answering(node) == {"1"}


def test_nothing_ever_goes_back(node, source):
    source.shares(12, 3, ALL_TO_1)
    node.wait_revision("m", 3)
    late = (
        {"sequence": 11, "revision": 2},  # an earlier one again
        {"sequence": 13, "revision": 3},  # a revision that it has
        {"sequence": 10, "revision": 9},  # no newer than the plan
        {"sequence": 14, "revision": 5, "installation": "another database"},
    )
    for revision, facts in enumerate(late, 2):
        source.said.clear()
        source.shares(split=ALL_TO_2, **facts)
        source.shares(20 + revision, revision, ALL_TO_1, model="n")
        node.wait_revision("n", revision)
        assert node.facts()["models"]["m"]["revision"] == 3
        assert answering(node) == {"1"}


def test_what_comes_before_its_plan_waits_for_it_and_an_older_plan_takes_nothing_back(node, source, pair):
    source.shares(13, 6, ALL_TO_2, changes=5)
    source.shares(14, 2, ALL_TO_1, model="n")
    node.wait_revision("n", 2)
    assert node.facts()["models"]["m"]["revision"] == 1
    source.plan(12, {"m": model(5, pair, ALL_TO_1), "n": model(1, pair)})
    node.wait_revision("m", 6)
    assert answering(node) == {"2"}
    assert node.facts()["models"]["n"]["revision"] == 2


def test_a_node_that_was_killed_comes_back_with_its_weights_while_nobody_is_there(node, source):
    source.shares(11, 2, ALL_TO_2)
    node.wait_revision("m", 2)
    node.kill()
    node.plan_path.unlink()
    shares_path(node.plan_path).unlink()
    node.start()
    node.wait_revision("m", 2)
    assert answering(node) == {"2"}


def test_the_heir_of_a_worker_has_them_and_an_envelope_is_one_of_a_plan_or_of_shares(node, source):
    source.shares(11, 2, ALL_TO_2)
    node.wait_revision("m", 2)
    os.kill(node.pids()[0], signal.SIGKILL)
    wait_for(lambda: node.facts()["restarts"] == 1 and node.all_joined(), "the heir")
    node.wait_revision("m", 2)
    assert {answer for _ in range(4) for answer in answering(node)} == {"2"}

    envelope = source.said[0].encode()
    write_atomically(shares_path(node.plan_path), node.plan_path.read_bytes(), durable=False)
    wait_for(lambda: "new shares were refused" in node.output(), "the plan to be refused as shares")
    write_atomically(node.plan_path, envelope, durable=False)
    wait_for(lambda: "a plan was refused" in node.output(), "the shares to be refused as a plan")
    assert node.facts()["models"]["m"]["revision"] == 2


def test_over_redis_they_are_told_and_a_lost_word_is_made_good(tmp_path, store, valkey, pair):
    node = Node(tmp_path, store, extra=["--redis", valkey.url]).start()
    try:
        document = plan(10, {"m": model(1, pair, ALL_TO_1)}, installation="here")
        valkey.client.mset({f"{PLAN}:sequence": 10, f"{PLAN}:installation": "here"})
        valkey.publish(document)
        node.wait_revision("m", 1)
        read = valkey.calls("get")
        for sequence, revision, split in ((11, 2, ALL_TO_2), (12, 3, ALL_TO_1), (13, 4, ALL_TO_2)):
            said = Shares("production", "here", sequence, "m", revision, 1, split)
            envelope = json.dumps({"payload": shares.serialise(said)})
            valkey.client.xadd(f"{PLAN}:shares", {"shares": envelope}, id=f"{sequence}-0")
        node.wait_revision("m", 4)  # nobody has published a word of them
        assert answering(node) == {"2"}
        assert valkey.calls("get") == read, "the plan itself is not asked for again"
        node.kill()
        (node.data / "last_shares.jsonl").unlink()
        node.start()
        node.wait_revision("m", 4)
    finally:
        node.stop()
