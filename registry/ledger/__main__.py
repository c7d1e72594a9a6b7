"""`python -m registry.ledger verify`: an exported log checked on any machine, without Django or a database.

Only Python's own library is needed; where signed heads are compared, `cryptography` too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from registry import ledger, witness
from registry.ledger import Line, Report, heads


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where the log holds, 1 where it does not, 2 where it could not be read."""
    asked = _parser().parse_args(arguments)
    try:
        report = verified(asked.export, asked.witness, asked.heads, asked.key)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"The log could not be verified: {error}\n")
        return 2
    sys.stdout.write("".join(f"{sentence}\n" for sentence in sentences(report)))
    return 0 if report.intact else 1


def verified(
    export: Path, saw: Path | None = None, signed: Sequence[Path] = (), key: Path | None = None
) -> Report:
    """What the export says, held against a copy of the witness file and against signed heads.

    The export is read line by line: it may be larger than memory.
    """
    told, faults = _signed(signed, key)
    noted = witness.read(saw) if saw else None
    if saw and noted is None:
        raise FileNotFoundError(f"there is no witness file {saw}")
    begun = _Beginnings()
    past = witness.Past(noted or witness.Witness(), begun.at)
    seen = {**(noted.heads if noted else {}), **told}
    with export.open(encoding="utf-8") as text:
        report = ledger.verify(
            past.held_against(begun.noticed(ledger.counted(ledger.exported(text), _tell))), seen
        )
    against = _against(noted, told, begun) if noted else ()
    return replace(report, findings=(*report.findings, *faults, *against), past=past.told())


def _tell(seq: int) -> None:
    sys.stderr.write(f"{seq:,} events read\n")


class _Beginnings:
    """The events of an export by which witnesses were begun anew."""

    def __init__(self) -> None:
        self._events: dict[int, dict[str, Any]] = {}

    def noticed(self, lines: Iterable[Line]) -> Iterator[Line]:
        for line in lines:
            if '"kind":"witness.' in line.payload:
                with suppress(ValueError):  # said of the line itself
                    self._events[line.seq] = json.loads(line.payload)
            yield line

    def at(self, seq: int) -> witness.Beginning | None:
        begun = self._events.get(seq, {})
        asked = self._events.get(begun.get("facts", {}).get("asked"), {})
        return witness.beginning(seq, begun, asked)


def _against(noted: witness.Witness, told: dict[int, str], begun: _Beginnings) -> Iterator[str]:
    yield from noted.faults
    if noted.begun and begun.at(noted.begun) is None:
        yield f"the witness was begun anew at event {noted.begun}, where no two people say so"
    for seq, digest in told.items():
        if noted.heads.get(seq, digest) != digest:
            yield f"witness and signed heads contradict each other on event {seq}"


def sentences(report: Report) -> list[str]:
    """The verdict, what was found, and what nobody can see from an export."""
    if report.intact:
        found = [f"The log holds: {report.events} events, head {report.head}, {report.witnessed} witnessed."]
    else:
        found = [f"The log is broken at line {report.broken_at}: {report.reason}."] if report.reason else []
        found += [f"Found: {finding}." for finding in report.findings]
    found += [f"Past: {one}" for one in report.past]
    return [*found, "Not covered: whether the rows beside the log agree with it (manage.py audit verify)."]


def _signed(paths: Sequence[Path], key: Path | None) -> tuple[dict[int, str], tuple[str, ...]]:
    if not paths:
        return {}, ()
    if key is None:
        raise ValueError("signed heads are checked with --key, the file plan.pub")
    try:  # only where heads are read
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as error:
        raise ValueError("signed heads are checked with the package cryptography: install it") from error

    public = load_pem_public_key(key.read_bytes())
    if not isinstance(public, Ed25519PublicKey):
        raise ValueError(f"{key} is no Ed25519 key")
    files = [file for path in paths for file in (sorted(path.rglob("*.json")) if path.is_dir() else [path])]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return heads.seen(lines, public)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m registry.ledger")
    commands = parser.add_subparsers(required=True)
    verify = commands.add_parser("verify", help="check an exported log (JSON Lines)")
    verify.add_argument("export", type=Path, help="events.jsonl, as the audit page exports the whole log")
    verify.add_argument("--witness", type=Path, help="a copy of the witness file, heads.log")
    verify.add_argument(
        "--heads",
        type=Path,
        action="append",
        default=[],
        help="signed heads, one a line, a folder of them as the store has it in heads/, or the plan file of"
        " a node; may be given more than once",
    )
    verify.add_argument("--key", type=Path, help="the public key that signed them, plan.pub")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
