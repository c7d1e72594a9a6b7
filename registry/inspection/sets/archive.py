"""NPZ files: a zip of plain arrays, whose headers are not believed and whose bytes are counted."""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from registry.inspection.refusals import Refused
from registry.inspection.sets.columns import Array
from registry.inspection.sets.testset import SetLimits

KINDS = "biufU"
HEADER_BYTES = 10_000
COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
ENCRYPTED = 1
NAMES = re.compile(r"[\x20-\x7e\x80-\U0010ffff]{1,300}")
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    ValueError,
    RuntimeError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One array as its header describes it."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool

    @property
    def content_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class Archive:
    """The arrays of an NPZ file by name. Raises Refused with `field` when anything about it is not plain."""

    def __init__(self, path: Path, field: str, limits: SetLimits) -> None:
        self._field = field
        with self._plainly():
            self._zip = zipfile.ZipFile(path)
            self.members = self._described(limits)

    def read(self, name: str) -> Array:
        """A whole array."""
        member = self.members[name]
        with self._plainly(), self._body(member) as stream:
            array = self._taken(member, stream, member.shape)
            self._refuse_more(member, stream)
            return array

    def opened(self, name: str) -> Callable[[int], Array]:
        """A reader of the array's next rows."""
        member = self.members[name]
        if member.fortran and len(member.shape) > 1:
            return _from_memory(self.read(name))
        with self._plainly():
            stream = self._body(member)

        def read(rows: int) -> Array:
            with self._plainly():
                return self._taken(member, stream, (rows, *member.shape[1:]))

        return read

    def count(self) -> None:
        """Read everything once, and refuse what is shorter or longer than its header says."""
        for member in self.members.values():
            with self._plainly(), self._body(member) as stream:
                left = member.content_bytes
                while left:
                    chunk = stream.read(min(left, 1 << 20))
                    if not chunk:
                        raise self._bad(f"{member.name} is cut off")
                    left -= len(chunk)
                self._refuse_more(member, stream)

    def _described(self, limits: SetLimits) -> Mapping[str, Member]:
        entries = self._zip.infolist()
        if len(entries) > limits.members:
            raise self._bad(f"has {len(entries):,} members, more than {limits.members:,}")
        members: dict[str, Member] = {}
        for entry in entries:
            member = self._member(entry)
            if member.name in members:
                raise self._bad(f"has {member.name} twice")
            members[member.name] = member
        total = sum(member.content_bytes for member in members.values())
        if total > limits.content_bytes:
            raise self._bad(f"unpacks to {total:,} bytes, more than {limits.content_bytes:,}")
        return members

    def _member(self, entry: zipfile.ZipInfo) -> Member:
        name = entry.filename.removesuffix(".npy")
        if name == entry.filename or not NAMES.fullmatch(name):
            raise self._bad(f"has a member {entry.filename[:100]!r} that is no array with a printable name")
        if entry.flag_bits & ENCRYPTED or entry.compress_type not in COMPRESSIONS:
            raise self._bad(f"has {name} encrypted or packed in an uncommon way: use numpy.savez")
        with self._zip.open(entry) as stream:
            shape, fortran, dtype = self._header(name, stream)
        if dtype.kind not in KINDS:
            raise self._bad(f"has {name} as {dtype}: save numbers, bools, or strings as NumPy U dtype")
        return Member(name, tuple(int(axis) for axis in shape), dtype, bool(fortran))

    def _header(self, name: str, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        version = npy.read_magic(stream)
        if version == (1, 0):
            return npy.read_array_header_1_0(stream, HEADER_BYTES)
        if version == (2, 0):
            return npy.read_array_header_2_0(stream, HEADER_BYTES)
        raise self._bad(f"has {name} in a form that plain arrays do not need")

    def _body(self, member: Member) -> IO[bytes]:
        """The stream of a member's elements, behind its header."""
        stream = self._zip.open(f"{member.name}.npy")
        self._header(member.name, stream)
        return stream

    def _taken(self, member: Member, stream: IO[bytes], shape: tuple[int, ...]) -> Array:
        wanted = math.prod(shape) * member.dtype.itemsize
        raw = stream.read(wanted)
        if len(raw) != wanted:
            raise self._bad(f"has {member.name} cut off")
        array = np.frombuffer(raw, dtype=member.dtype).reshape(shape, order="F" if member.fortran else "C")
        return array.astype(member.dtype.newbyteorder("="), copy=False)

    def _refuse_more(self, member: Member, stream: IO[bytes]) -> None:
        if stream.read(1):
            raise self._bad(f"has {member.name} with more bytes than its header says")

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as error:
            raise self._bad(f"cannot be read as NPZ: {error}") from error

    def _bad(self, words: str) -> Refused:
        return Refused("bad_set", self._field, f"The set {words}.")


def _from_memory(array: Array) -> Callable[[int], Array]:
    place = 0

    def read(rows: int) -> Array:
        nonlocal place
        place += rows
        return array[place - rows : place]

    return read
