"""What a dead worker took with it of a rollout's units. Pure.

It can tell nothing any more, least of all of the version that killed it: its node counts the requests that
were running as errors, of all arms alike, whoever was to blame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from formats.evidence import ERRORS, Fact, FactKind, alone
from formats.plan import Key, ModelPlan, PlannedRollout
from scoring.blackbox import MIRROR, Note
from scoring.node.workers.crashes import Crash


def units_taken(
    notes: Sequence[Note], crash: Crash, marks: Mapping[int, Key], models: Mapping[str, ModelPlan]
) -> Iterator[tuple[int, Fact]]:
    """Rollouts and facts, by the notes in a dead worker's box and the entries in force."""
    for note in notes:
        key = marks.get(note.mark)
        model = models.get(key[0]) if key is not None else None
        if key is None or model is None or (rollout := model.rollout) is None:
            continue
        facts = _of_a_mirror if note.place == MIRROR else _of_an_arm
        for kind, version, about, value in facts(rollout, key[1], crash):
            for unit in note.units:
                yield rollout.id, Fact(kind, model.revision, version, about, unit, value)


_Facts = Sequence[tuple[FactKind, int, int, int]]
"""Kind, version, about and value of what is told of each unit."""


def _of_an_arm(rollout: PlannedRollout, version: int, crash: Crash) -> _Facts:
    """Its clients' connections were cut."""
    if not rollout.counted:
        return ()
    return ((FactKind.SEEN, version, 0, -1), (FactKind.BAD_ERRORS, version, 0, 0))


def _of_a_mirror(rollout: PlannedRollout, version: int, crash: Crash) -> _Facts:
    """The client has its answer: the baseline's, unless another challenger may have given it. Who was only
    there when another killed the worker would have answered."""
    many = rollout.counted and len(rollout.challengers) > 1
    if crash.place != MIRROR or many or version not in rollout.challengers:
        return ()
    facts = ((FactKind.PAIRED, 0), (FactKind.DIFFERED, 0), (alone(ERRORS), 1))
    return [(kind, rollout.baseline, version, value) for kind, value in facts]
