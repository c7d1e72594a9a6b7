"""Reference answers: what the version said at proof, for nodes to say again before they serve.

JSON Lines: a head with the tolerances and the counts, then one row a line, each a v2 JSON request as
a client would send it and the outputs that came back.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from formats.answers import Tolerances
from formats.types import DEFAULT_ATOL, DEFAULT_RTOL
from releases.proof.examiner.asking import Told
from releases.proof.examiner.result import Answers

FORMAT = 1
"""What readers ask for first: raised when an older one would read answers wrongly."""
MOST_END_TO_END = 1000
"""As many as a node rehearses before it serves (`scoring.runtime.rehearsal`)."""
MOST_CONFIDENCE = 200
"""Rows kept of a confidence set, so that rehearsing them adds a fifth to the end-to-end rows."""
MOST_BYTES = 32 << 20
"""Every node fetches the file with the version, and hashes it before each rehearsal."""
_HEAD_ROOM = 4096
"""Of the file, for its head and the ends of its parts."""
_UNSAID = Tolerances(DEFAULT_ATOL, DEFAULT_RTOL)

SetName = Literal["end_to_end", "confidence"]
_MOST = {"end_to_end": MOST_END_TO_END, "confidence": MOST_CONFIDENCE}


@dataclass(slots=True)
class ReferenceAnswers:
    """Rows as they are gathered; what would make the file too large is left out."""

    tolerances: Tolerances = _UNSAID
    _lines: dict[SetName, list[bytes]] = field(default_factory=lambda: {"end_to_end": [], "confidence": []})
    _bytes: int = 0

    def keep(self, name: SetName, row: int, told: Told) -> None:
        """Add a row that was asked as JSON. Half of the room is the end-to-end set's, half the other's."""
        if told.request is None or told.outputs is None or len(self._lines[name]) >= _MOST[name]:
            return
        line = json.dumps(
            {"set": name, "row": row, "request": told.request, "outputs": told.outputs}
        ).encode()
        room = MOST_BYTES - _HEAD_ROOM if name == "confidence" else MOST_BYTES // 2
        if self._bytes + len(line) + 1 <= room:
            self._lines[name].append(line)
            self._bytes += len(line) + 1

    def write(self, path: Path) -> Answers:
        """Write the file, visible only when it is whole."""
        counts: dict[str, int] = {name: len(lines) for name, lines in self._lines.items()}
        head = {"format": FORMAT, **self.tolerances.to_json(), **counts}
        partial = path.with_suffix(".partial")
        with partial.open("wb") as stream:
            stream.write(json.dumps(head).encode() + b"\n")
            for lines in self._lines.values():
                stream.writelines(line + b"\n" for line in lines)
        os.replace(partial, path)
        return Answers(counts["end_to_end"], counts["confidence"], path.stat().st_size)
