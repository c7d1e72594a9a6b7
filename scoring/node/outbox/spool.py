"""A spool: what was taken is on disk before anybody hears so, and leaves only when it has been counted.

A line is a batch: {"sequence": n, ...}. Its sequence is written with it, so a batch that is sent
again is the same batch. Segments of a boot lie in a folder of that boot.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from scoring.node.files import sync_folder

SEGMENT_BYTES = 4 << 20
"""Files go as a whole when all in them is acknowledged: so much is kept too long at most."""


class SpoolFull(OSError):
    """The spool has reached its bound: nothing was written."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one write made durable. `boot` is the boot of the node that wrote it."""

    boot: str
    sequence: int
    body: Mapping[str, Any]


class Spool:
    """Written by one thread at a time; read from any."""

    def __init__(self, root: Path, boot: str, most_bytes: int) -> None:
        self._folder = root / boot
        self._root = root
        self._boot = boot
        self._most = most_bytes
        self._stream: BinaryIO | None = None
        self._sequence = 0
        root.mkdir(parents=True, exist_ok=True)

    def append(self, body: Mapping[str, object]) -> int:
        """Write and fsync one batch; its sequence. Raises OSError (SpoolFull), and then nothing counts."""
        if self.bytes() > self._most:
            raise SpoolFull(
                f"the spool {self._root.name} is full: the control plane has not taken its batches"
            )
        stream = self._segment()
        place = stream.tell()
        line = json.dumps({"sequence": self._sequence + 1, **body}, separators=(",", ":"))
        try:
            stream.write(line.encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        except OSError:
            # A half-written line would glue itself to the next batch.
            self._stream = None
            with suppress(OSError):
                os.truncate(stream.name, place)
            stream.close()
            raise
        self._sequence += 1
        return self._sequence

    def batches(self, boot: str, after: int) -> Iterator[Batch]:
        """The batches of a boot above a sequence, in order. A torn line was never acknowledged: left out."""
        for segment in self._segments(boot):
            yield from (batch for batch in _read(boot, segment) if batch.sequence > after)

    def boots(self) -> list[str]:
        """Every boot that has something here, the oldest first."""
        folders = [folder for folder in self._root.iterdir() if folder.is_dir()]
        return [folder.name for folder in sorted(folders, key=lambda folder: folder.stat().st_mtime)]

    def forget(self, boot: str, acknowledged: int) -> None:
        """Delete the segments whose every batch is in the database."""
        if boot == self._boot and acknowledged >= self._sequence:
            self.close()
        for segment in self._segments(boot):
            if self._stream is not None and segment.name == Path(self._stream.name).name:
                continue
            if all(batch.sequence <= acknowledged for batch in _read(boot, segment)):
                segment.unlink()
        if boot != self._boot:
            with suppress(OSError):
                (self._root / boot).rmdir()

    def bytes(self) -> int:
        return sum(segment.stat().st_size for segment in self._root.glob("*/*.jsonl"))

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _segment(self) -> BinaryIO:
        if self._stream is not None and self._stream.tell() >= SEGMENT_BYTES:
            self.close()
        if self._stream is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._stream = (self._folder / f"{self._sequence + 1:012d}.jsonl").open("ab")
            sync_folder(self._folder)
            sync_folder(self._root)
        return self._stream

    def _segments(self, boot: str) -> list[Path]:
        return sorted((self._root / boot).glob("*.jsonl"))


def _read(boot: str, segment: Path) -> Iterator[Batch]:
    with segment.open("rb") as stream:
        for line in stream:
            if line.endswith(b"\n"):
                body = json.loads(line)
                yield Batch(boot, body.pop("sequence"), body)
