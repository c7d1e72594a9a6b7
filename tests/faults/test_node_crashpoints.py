"""kill -9 of a scoring node and of its workers beside each step of a plan's way to the clients."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.faults import points
from tests.faults.mortal import Mortal, versions, wrong
from tests.scoring.load import Load
from tests.scoring.nodes import Store, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]
CLIENTS = 4


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[Mortal]:
    folder = tmp_path_factory.mktemp("mortal")
    node = Mortal(folder, Store(folder / "store")).start()
    node.wait_revision("m", node.release())
    try:
        yield node
    finally:
        node.stop()


@pytest.mark.parametrize("name", points.NODE_FOLLOWING)
def test_no_client_sees_a_plan_that_a_restart_would_forget(node, name):
    before = str(node.number)
    node.prepare()
    with Load(node, "m", clients=CLIENTS) as load:
        wait_for(lambda: len(load.seen) > 20, "steady traffic")
        node.dies_at(name)
        revision = node.release()
        node.is_gone()
    plan = node.plan_path.read_bytes()
    node.plan_path.unlink()  # the control plane is away while the node restarts
    node.start()

    node.wait_revision("m", revision if name == "node.kept" else revision - 1)
    assert versions(load) == {before}
    assert wrong(load) == []
    node.plan_path.write_bytes(plan)
    node.wait_revision("m", revision)


@pytest.mark.parametrize("name", points.NODE_RESHARING)
def test_no_client_sees_weights_that_a_restart_would_forget(node, name):
    before = node.number
    node.prepare()
    node.wait_revision("m", node.release())
    with Load(node, "m", clients=CLIENTS) as load:
        wait_for(lambda: len(load.seen) > 20, "steady traffic")
        node.dies_at(name)
        revision = node.reshare(before)
        node.is_gone()
    plan, kept = node.plan_path.read_bytes(), node.shares_path.read_bytes()
    node.plan_path.unlink()
    node.shares_path.unlink()  # the control plane is away while the node restarts
    node.start()

    node.wait_revision("m", revision if name == "node.kept_shares" else revision - 1)
    assert versions(load) == {str(before + 1)}
    assert wrong(load) == []
    node.plan_path.write_bytes(plan)
    node.shares_path.write_bytes(kept)
    node.wait_revision("m", revision)


@pytest.mark.parametrize("name", points.NODE_LOADING)
def test_a_node_that_is_killed_while_it_prepares_a_plan_adopts_it_after_its_restart(node, name):
    node.dies_at(name)
    revision = node.release()
    node.is_gone()
    node.start()

    node.wait_revision("m", revision)
    with Load(node, "m", clients=CLIENTS) as load:
        wait_for(lambda: len(load.seen) > 20, "steady traffic")
    assert (versions(load), load.failures) == ({str(node.number)}, [])
    assert node.left_over() == []


@pytest.mark.parametrize("name", points.WORKER)
def test_a_worker_that_is_killed_costs_what_it_held_and_the_plan_is_adopted_all_the_same(node, name):
    before, restarts = node.number, node.facts()["restarts"]
    with Load(node, "m", clients=CLIENTS, spread=True) as load:
        wait_for(lambda: len(load.seen) > 20, "steady traffic")
        node.dies_at(name)
        revision = node.release()
        node.has_died()
        wait_for(lambda: node.facts()["restarts"] > restarts, "the heir")
        node.wait_revision("m", revision)
        seen = len(load.seen)
        wait_for(lambda: len(load.seen) > seen + 100, "traffic after the heir came")

    assert load.lost == [], "a client that asks once more gets its answer"
    assert len(load.failures) <= CLIENTS, load.failures
    assert not any(failure.startswith(("4", "5")) for failure in load.failures), load.failures
    assert versions(load) == {str(before), str(node.number)}
    assert wrong(load) == []
    assert json.loads((node.data / "last_plan.json").read_text())
