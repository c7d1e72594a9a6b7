"""Whether the nodes have followed a step of a switch: values in, a verdict out. No Django, no waiting."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from formats.heartbeat import Heartbeat, NodeModel
from releases.errors import NodesFailed

READY, SILENT = "ready", "silent"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What every live node that serves the model is to say.

    revision  it follows this one or a higher one.
    loaded    versions that all its workers have.
    sound     versions that it must not have given up; none on the way back, which nothing may hold up.
    """

    model: str
    revision: int
    loaded: frozenset[int] = frozenset()
    sound: frozenset[int] = frozenset()


def serving(beats: Collection[Heartbeat], model: str) -> list[Heartbeat]:
    """The nodes that take the model at all."""
    return [node for node in beats if node.serves(model)]


def judge(wanted: Wanted, beats: Sequence[Heartbeat], now: float) -> dict[str, str]:
    """Each node that serves the model as `ready` or `silent` (which leaves the quorum and is named); nothing
    as long as one of the live ones has yet to follow, or none is alive.

    Raises NodesFailed where one never will.
    """
    known = serving(beats, wanted.model)
    alive = [node for node in known if node.alive(now)]
    for node in alive:
        _refuse_broken(node.node, node.of(wanted.model), wanted)
    if not alive or waiting(wanted, alive):
        return {}
    return {node.node: READY if node in alive else SILENT for node in known}


def waiting(wanted: Wanted, alive: Collection[Heartbeat]) -> list[str]:
    """The nodes that have yet to follow."""
    return [node.node for node in alive if not _follows(node.of(wanted.model), wanted)]


def late(wanted: Wanted, beats: Sequence[Heartbeat], now: float) -> NodesFailed:
    """What is to be said when the time is over."""
    alive = [node for node in serving(beats, wanted.model) if node.alive(now)]
    names = ", ".join(waiting(wanted, alive)) or "no scoring node is alive"
    return NodesFailed(f"The nodes did not follow in time: {names}.")


def _follows(state: NodeModel, wanted: Wanted) -> bool:
    return state.revision >= wanted.revision and wanted.loaded <= state.ready


def _refuse_broken(name: str, state: NodeModel, wanted: Wanted) -> None:
    for number in sorted(wanted.sound & state.broken.keys()):
        raise NodesFailed(f"{name} gave up version {number}: {state.broken[number].why}", version=number)
    for number in sorted(wanted.loaded & state.failed.keys()):
        raise NodesFailed(f"{name} could not load version {number}: {state.failed[number]}", version=number)
