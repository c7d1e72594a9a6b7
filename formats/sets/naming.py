"""What the arrays of a set are by their names, and what to say where a name means nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from formats.sets.errors import BadSet
from formats.sets.members import Member
from formats.sets.testset import END_TO_END, SetName
from formats.types import Signature

INPUTS, EXPECTED, SLICES = "inputs/", "expected/", "slice/"
TARGET, WEIGHT, GROUP = "target", "weight", "group"
TOLERANCES = ("atol", "rtol")
COLUMNS = (TARGET, WEIGHT, GROUP)

_OF_ONE_REQUEST = re.compile(r"requests/(0|[1-9][0-9]{0,7})/(.+)")


@dataclass(frozen=True, slots=True)
class Named:
    """Members by the name of what they are: `inputs/x`, `expected/y`, `target`, `slice/age`.

    stacked  all rows in one array
    listed   one array for each row, by the row's number: requests/<row>/<name>
    """

    stacked: dict[str, Member] = field(default_factory=dict)
    listed: dict[str, dict[int, Member]] = field(default_factory=dict)
    tolerances: dict[str, Member] = field(default_factory=dict)

    def names(self, prefix: str = "") -> list[str]:
        return [name for name in (*self.stacked, *self.listed) if name.startswith(prefix)]

    def entries(self, name: str) -> Iterator[tuple[int | None, Member]]:
        """The arrays that hold something: one, or one for each row with the row's number."""
        if name in self.stacked:
            yield None, self.stacked[name]
        yield from self.listed.get(name, {}).items()


def named(members: Mapping[str, Member], which: SetName, signature: Signature) -> Named:
    """Members by their meaning. Raises BadSet with what to call an array that has none."""
    found = Named()
    strange = [name for name, member in members.items() if not _placed(name, member, found)]
    if not found.names(INPUTS):
        raise BadSet(f"{_without_inputs(members)}: {_how(which, signature)}.")
    if strange:
        raise BadSet(_means_nothing(strange[0], which, signature))
    for name in found.stacked.keys() & found.listed.keys():
        raise BadSet(f"The set has {name} beside requests/: write {name} in one of the two forms.")
    return found


def _placed(name: str, member: Member, found: Named) -> bool:
    """Put a member where its name says; False where that means nothing."""
    one = _OF_ONE_REQUEST.fullmatch(name)
    if name in TOLERANCES:
        found.tolerances[name] = member
    elif one and _has_meaning(one[2]):
        found.listed.setdefault(one[2], {})[int(one[1])] = member
    elif _has_meaning(name):
        found.stacked[name] = member
    else:
        return False
    return True


def _has_meaning(name: str) -> bool:
    return name in COLUMNS or any(
        name.startswith(prefix) and len(name) > len(prefix) for prefix in (INPUTS, EXPECTED, SLICES)
    )


def _without_inputs(members: Iterable[str]) -> str:
    names = [repr(name[:60]) for name in members]
    if not names:
        return "The set is empty"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"The set has no inputs, only the arrays {', '.join(names[:5])}{more}"


def _how(which: SetName, signature: Signature) -> str:
    """How to write such a set of this version."""
    entries = [f'"{INPUTS}{spec.name}": ...' for spec in signature.inputs if not spec.optional][:4]
    if which == END_TO_END:
        entries += [f'"{EXPECTED}{spec.name}": ...' for spec in signature.outputs[:1]]
    else:
        entries.append(f'"{TARGET}": ...')
    return f'name them as in np.savez("{which}.npz", **{{{", ".join(entries)}}})'


def _means_nothing(name: str, which: SetName, signature: Signature) -> str:
    known = [f"{INPUTS}{spec.name}" for spec in signature.inputs]
    if which == END_TO_END:
        known += [f"{EXPECTED}{spec.name}" for spec in signature.outputs] + list(TOLERANCES)
    else:
        known += [*COLUMNS, SLICES]
    near = [full for full in known if full.partition("/")[2] == name]
    near = near or get_close_matches(name, known, 1, 0.5)
    hint = f"do you mean {near[0]!r}?" if near else f"it may have {', '.join(known[:8])}."
    return f"The set has an array {name[:100]!r} that means nothing here: {hint}"
