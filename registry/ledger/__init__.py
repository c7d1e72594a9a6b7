"""The arithmetic of the event log: canonical bytes, the chain, its verification. No database, no Django:
`python -m registry.ledger verify events.jsonl` checks an exported log on any machine.

`digest = SHA256(seq ":" previous ":" SHA256(payload))` over the stored bytes. A chain alone does
not show a cut tail or a full rewrite by the table's owner; the witness file, which lies outside
the database, shows both as far back as it reaches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_quoted = encode_basestring
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it is stored; `told` is the payload as the columns beside it tell it, if there are any."""

    seq: int
    previous: str
    digest: str
    payload: str
    told: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found. `broken_at` is the first bad number, None where the chain holds.

    `findings` are what else contradicts the log, in sentences: rows beside it, its witness, signed heads.
    `past` are findings on a witness that was begun anew since: they are told for ever, and alarm no more.
    """

    events: int
    head: str
    broken_at: int | None = None
    reason: str = ""
    witnessed: int = 0
    findings: tuple[str, ...] = ()
    past: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        return self.broken_at is None and not self.findings


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces; floats and anything else only as JSON allows."""
    return _CANONICAL.encode(value)


def payload(*, actor: str, at: str, facts: str, kind: str, model: str, subject: str) -> str:
    """The text of an event that is hashed: what `canonical` makes of it; `facts` is canonical already."""
    return (
        f'{{"actor":{_quoted(actor)},"at":{_quoted(at)},"facts":{facts},"kind":{_quoted(kind)},'
        f'"model":{_quoted(model)},"subject":{_quoted(subject)}}}'
    )


def chained(seq: int, previous: str, payload: str) -> str:
    """The digest of line `seq` that follows `previous`."""
    inner = hashlib.sha256(payload.encode()).hexdigest()
    return hashlib.sha256(f"{seq}:{previous}:{inner}".encode()).hexdigest()


def verify(lines: Iterable[Line], witness: Mapping[int, str], head: tuple[int, str] | None = None) -> Report:
    """Walk the whole log in order and name the first line that is not what it should be.

    `witness` maps numbers to digests that were written down outside the database;
    `head` is the stored head, which must be the last line, None where there is none beside the lines.
    """
    previous, count, witnessed = GENESIS, 0, 0
    for line in lines:
        count += 1
        if reason := _fault(line, count, previous, witness):
            return Report(count - 1, previous, count, reason, witnessed)
        witnessed += line.seq in witness
        previous = line.digest
    if head is not None and (count, previous) != head:
        return Report(
            count, previous, count + 1, f"the log ends at {count}, its head says {head[0]}", witnessed
        )
    last = max(witness, default=0)
    if last > count:
        return Report(
            count, previous, count + 1, f"the witness saw line {last}, the log ends at {count}", witnessed
        )
    return Report(count, previous, witnessed=witnessed)


def counted(lines: Iterable[Line], tell: Callable[[int], object]) -> Iterator[Line]:
    """The same lines; `tell` hears of every hundred thousandth, for somebody who waits."""
    for line in lines:
        if line.seq % 100_000 == 0:
            tell(line.seq)
        yield line


def _fault(line: Line, expected: int, previous: str, witness: Mapping[int, str]) -> str:
    if line.seq != expected:
        return f"line {expected} is missing: the next one is {line.seq}"
    if line.previous != previous:
        return f"line {expected} does not follow line {expected - 1}"
    if chained(line.seq, line.previous, line.payload) != line.digest:
        return f"line {expected} was changed: its digest is not that of its text"
    if line.told and line.told != line.payload and (reason := _other_columns(line)):
        return f"line {expected}{reason}"
    if witness.get(line.seq, line.digest) != line.digest:
        return f"line {expected} is not the line that the witness saw"
    return ""


def _other_columns(line: Line) -> str:
    """Which column says something else than the text; nothing where they differ in spelling alone."""
    try:
        stored, told = json.loads(line.payload), json.loads(line.told)
    except ValueError:
        return " is not readable"
    other = next((name for name in told if stored.get(name) != told[name]), "")
    return f": column {other} does not say what the text says" if other else ""


def exported(text: Iterable[str]) -> Iterator[Line]:
    """The lines of an export in JSON Lines. Raises ValueError naming the first line that is none."""
    for number, row in enumerate(text, start=1):
        try:
            said = json.loads(row)
            yield Line(int(said["seq"]), str(said["previous"]), str(said["digest"]), str(said["payload"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"line {number} of the export is no event: {error}") from error
