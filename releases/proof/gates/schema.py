"""Do the clients of the champion go on working? Compares two signatures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

from formats.types import CLIP, COUNT, FREE, REFUSE, Signature, TensorSpec
from releases.proof.gates.base import Candidate, Outcome, Verdict

BEYOND = {
    REFUSE: "others are refused",
    CLIP: "others are moved to the nearest end",
    COUNT: "others are counted",
}
_NAMED = 10
"""Choices within a sentence; the signature has them all."""


class Compatibility(StrEnum):
    FIRST = "first"
    IDENTICAL = "identical"
    ADDITIVE = "additive"
    BREAKING = "breaking"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs, in words for the page; `breaks` says whether a client can notice."""

    where: str
    what: str
    breaks: bool


def compare(champion: Signature, challenger: Signature) -> list[Difference]:
    """Everything that a client of the champion would meet differently with the challenger."""
    return [*_inputs(champion, challenger), *_outputs(champion, challenger)]


def _inputs(champion: Signature, challenger: Signature) -> Iterator[Difference]:
    before = {spec.name: spec for spec in champion.inputs}
    after = {spec.name: spec for spec in challenger.inputs}
    for name, spec in after.items():
        if name not in before:
            word = "is new, and may be left out" if spec.optional else "is new, and must be sent"
            yield Difference(f"input {name}", word, not spec.optional)
    for name, spec in before.items():
        if name not in after:
            yield Difference(f"input {name}", "is no longer taken", breaks=True)
        else:
            yield from _tensor("input", spec, after[name], takes=True)


def _outputs(champion: Signature, challenger: Signature) -> Iterator[Difference]:
    before = {spec.name: spec for spec in champion.outputs}
    after = {spec.name: spec for spec in challenger.outputs}
    for name in after.keys() - before.keys():
        yield Difference(f"output {name}", "is new", breaks=False)
    for name, spec in before.items():
        if name not in after:
            yield Difference(f"output {name}", "is gone", breaks=True)
        else:
            yield from _tensor("output", spec, after[name], takes=False)


def _tensor(side: str, before: TensorSpec, after: TensorSpec, *, takes: bool) -> Iterator[Difference]:
    where = f"{side} {before.name}"
    if before.datatype != after.datatype:
        yield Difference(where, f"was {before.datatype}, is {after.datatype}", breaks=True)
    if before.shape != after.shape:
        fits = _fits(before.shape, after.shape) if takes else _fits(after.shape, before.shape)
        yield Difference(where, f"shape was {list(before.shape)}, is {list(after.shape)}", not fits)
    if before.features != after.features:
        yield Difference(where, "its features have other names or another order", breaks=True)
    if takes:
        yield from _taken(where, before, after)
    elif before.finite and not after.finite:
        yield Difference(where, "was promised to be finite, and is no more", breaks=True)


def _taken(where: str, before: TensorSpec, after: TensorSpec) -> Iterator[Difference]:
    """Whether every value that was answered still is."""
    if before.optional and not after.optional:
        yield Difference(where, "could be left out, must be sent now", breaks=True)
    for took, takes, values in (
        (before.missing, after.missing, "missing values"),
        (before.infinite, after.infinite, "infinities"),
    ):
        if took != takes:
            yield Difference(where, f"{'takes no more' if took else 'now takes'} {values}", breaks=took)
    if (before.range, before.range_rule()) != (after.range, after.range_rule()):
        yield Difference(
            where, f"took {_range(before)}, takes {_range(after)}", _narrower_range(before, after)
        )
    if (set(before.choices), before.choices_rule()) != (set(after.choices), after.choices_rule()):
        words = f"took {_choices(before)}, takes {_choices(after)}"
        yield Difference(where, words, breaks=_fewer_choices(before, after))


def _narrower_range(before: TensorSpec, after: TensorSpec) -> bool:
    """Whether a number that was answered is refused now."""
    if after.range is None or after.range_rule() != REFUSE:
        return False
    if before.range is None or before.range_rule() != REFUSE:
        return True
    return after.range[0] > before.range[0] or after.range[1] < before.range[1]


def _fewer_choices(before: TensorSpec, after: TensorSpec) -> bool:
    if after.choices_rule() != REFUSE:
        return False
    return before.choices_rule() != REFUSE or not set(before.choices) <= set(after.choices)


def _range(spec: TensorSpec) -> str:
    if spec.range is None:
        return "any number"
    return f"{spec.range[0]:g} to {spec.range[1]:g} ({BEYOND[spec.range_rule()]})"


def _choices(spec: TensorSpec) -> str:
    if not spec.choices:
        return "any value"
    named = ", ".join(str(choice) for choice in spec.choices[:_NAMED])
    return f"{named}{', …' if len(spec.choices) > _NAMED else ''} ({BEYOND[spec.choices_rule()]})"


def _fits(narrow: tuple[int, ...], wide: tuple[int, ...]) -> bool:
    """Whether everything of shape `narrow` is also of shape `wide`."""
    return len(narrow) == len(wide) and all(w in (FREE, n) for n, w in zip(narrow, wide, strict=True))


class Schema:
    """Compares with the champion's signature; a break passes only where the manifest declares it."""

    name = "schema"

    def check(self, candidate: Candidate) -> Verdict:
        if candidate.champion is None:
            return Verdict(
                Outcome.PASSED,
                "Nothing is live yet: there is no client to break.",
                {"compatibility": str(Compatibility.FIRST), "differences": []},
            )
        differences = compare(candidate.champion, candidate.signature)
        breaking = [d for d in differences if d.breaks]
        found = compatibility(differences)
        evidence = {
            "compatibility": str(found),
            "champion": candidate.champion_number,
            "differences": [asdict(each) for each in differences],
            "intended_break": candidate.intended_break,
        }
        if breaking and not candidate.intended_break:
            first = breaking[0]
            return Verdict(
                Outcome.FAILED,
                f"Clients of version {candidate.champion_number} would break: {first.where} {first.what}.",
                evidence,
            )
        if breaking:
            words = f"A declared break: {candidate.intended_break}"
        elif differences:
            words = (
                f"Clients of version {candidate.champion_number} go on working; there is more than before."
            )
        else:
            words = f"The signature is that of version {candidate.champion_number}."
        return Verdict(Outcome.PASSED, words, evidence)


def compatibility(differences: list[Difference]) -> Compatibility:
    """What clients of the one would meet with the other, in one word."""
    if not differences:
        return Compatibility.IDENTICAL
    return Compatibility.BREAKING if any(d.breaks for d in differences) else Compatibility.ADDITIVE
