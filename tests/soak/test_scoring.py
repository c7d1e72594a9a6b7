"""Minutes of scoring under load: switches, killed workers, memory; and kills at points that chance picks."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.faults import points
from tests.faults.mortal import Mortal, versions, wrong
from tests.scoring.load import Load
from tests.scoring.nodes import Store, wait_for

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]
CLIENTS = 4
SWITCHES = 20
KILL_EVERY_S = 20
"""A version under which three workers die within a minute is given up, and rightly so."""
FLAT_BYTES = 4 << 20


@pytest.fixture
def node(tmp_path) -> Iterator[Mortal]:
    node = Mortal(tmp_path, Store(tmp_path / "store")).start()
    node.wait_revision("m", node.release())
    try:
        yield node
    finally:
        node.stop()


def proportional_bytes(pid: int) -> int:
    """PSS of a process: its own memory, and its part of what it shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) << 10
    raise AssertionError(f"no Pss for process {pid}")


def memory(node: Mortal) -> int:
    """PSS of all workers together."""
    return sum(proportional_bytes(pid) for pid in node.pids())


def kill_one(node: Mortal, chance: random.Random) -> None:
    restarts = node.facts()["restarts"]
    os.kill(chance.choice(node.pids()), signal.SIGKILL)
    wait_for(lambda: node.facts()["restarts"] > restarts, "the heir")
    node.wait_revision("m", node.revision)


def disturb(node: Mortal, seconds: float, chance: random.Random) -> tuple[int, list[tuple[float, int]]]:
    """Switches all the time, kills in the first half: how many; in the second, (second, memory in bytes)."""
    switches = [seconds * (number + 1) / (SWITCHES + 1) for number in range(SWITCHES)]
    kills = list(range(5, int(seconds / 2), KILL_EVERY_S))
    killed, readings, began = len(kills), [], time.monotonic()
    while (now := time.monotonic() - began) < seconds or switches:
        if switches and now > switches[0]:
            switches.pop(0)
            node.wait_revision("m", node.release())
        elif kills and now > kills[0]:
            kills.pop(0)
            kill_one(node, chance)
        elif now > seconds / 2:
            readings.append((now, memory(node)))
        time.sleep(0.5)
    return killed, readings


def test_switches_and_killed_workers_under_load(node, seconds, seed, capsys):
    with Load(node, "m", clients=CLIENTS, spread=True, varied=True, pause_s=0.002) as load:
        killed, readings = disturb(node, seconds, random.Random(seed))

    at, pss = np.array(readings, dtype=float).T
    per_minute = float(np.polyfit(at, pss, 1)[0]) * 60
    p50, p99 = np.quantile([each.answered - each.asked for each in load.seen], (0.5, 0.99)) * 1e3
    with capsys.disabled():
        print(
            f"\nseed {seed}, {seconds} s: {len(load.seen):,} answers (p50 {p50:.1f} ms, p99 {p99:.1f} ms), "
            f"{node.number - 1} switches, {killed} workers killed with {len(load.failures)} requests in "
            f"their hands, {len(load.lost)} lost; PSS of both workers {pss[0] / 2**20:.1f} MiB half-way, "
            f"{pss[-1] / 2**20:.1f} MiB at the end ({per_minute / 2**20:+.2f} MiB a minute)"
        )
    assert load.lost == []
    assert len(load.failures) <= killed * CLIENTS
    assert not any(failure[0].isdigit() for failure in load.failures), load.failures
    assert wrong(load) == []
    assert node.number - 1 == SWITCHES
    assert per_minute * (seconds / 120) < FLAT_BYTES, readings


def test_kills_at_points_that_chance_picks(node, seconds, seed, capsys):
    """Each round is one release under load with a kill somewhere; each ends with the plan in force."""
    chance, began, rounds = random.Random(seed), time.monotonic(), 0
    of_the_node = points.NODE_FOLLOWING + points.NODE_LOADING
    while time.monotonic() - began < seconds:
        rounds += 1
        before, name = node.number, chance.choice(of_the_node + points.WORKER)
        with Load(node, "m", clients=2, varied=True, pause_s=0.002) as load:
            wait_for(lambda: len(load.seen) > 5, "traffic")
            node.dies_at(name)
            revision = node.release()
            node.has_died()
            if name in of_the_node:
                load.stop()
                node.is_gone()
                node.start()
            node.wait_revision("m", revision)
        assert versions(load) <= {str(before), str(node.number)}, name
        assert wrong(load) == [], name
        assert name in of_the_node or load.lost == [], name
        with Load(node, "m", clients=2, varied=True) as after:
            wait_for(lambda: len(after.seen) > 5, "traffic after it")
        assert (after.failures, versions(after)) == ([], {str(node.number)}), name
        assert node.left_over() == [], name
    with capsys.disabled():
        print(f"\nseed {seed}, {seconds} s: {rounds} releases with a kill in each, 0 violations")
