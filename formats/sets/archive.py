"""NPZ files: a zip of plain arrays, whose headers are not believed and whose bytes are counted."""

from __future__ import annotations

import io
import math
import re
import shutil
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Literal

import numpy as np
from numpy.lib import format as npy

from formats.dtypes import Array
from formats.sets.errors import OUR_TROUBLE, BadSet
from formats.sets.members import Member, refuse_strange
from formats.sets.testset import SetLimits

HEADER_BYTES = 10_000
"""numpy's own bound for a header that comes from others; ours have some hundred bytes."""
COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
ENCRYPTED = 1
"""The bit of a zip entry's flags."""
NAMES = re.compile(r"[\x20-\x7e\x80-\U0010ffff]{1,300}")
IN_MEMORY = 32 << 20
"""Packed arrays up to this size are unpacked into memory, larger ones into the scratch folder."""
_CHUNK = 1 << 20
"""Read at once: below some 100 kB the calls cost more than the copying, and above it is only memory."""
_LENGTHS = {(1, 0): "<H", (2, 0): "<I"}
"""How an array's header says how long it is, by the version of the format."""
_LOCAL_HEADER = 30
"""Bytes of a zip entry's local header before its name."""


class Archive:
    """The arrays of an NPZ file by name. Raises BadSet when anything about it is not plain."""

    def __init__(self, path: Path, limits: SetLimits) -> None:
        self._path = path
        self._limits = limits
        with self._plainly():
            self._zip = zipfile.ZipFile(path)
            self.members = self._described()

    def elements(self, name: str) -> Iterator[Array]:
        """Flat parts from first to last; what does not come as its checksum says is refused."""
        member = self.members[name]
        itemsize = member.dtype.itemsize
        with self._plainly(), self._body(member) as stream:
            left = member.content_bytes
            while left:
                raw = stream.read(min(left, max(_CHUNK // itemsize, 1) * itemsize))
                if not raw or len(raw) % itemsize:
                    raise BadSet(f"The set has {name} cut off.")
                left -= len(raw)
                yield _native(np.frombuffer(raw, dtype=member.dtype))

    def read(self, name: str) -> Array:
        member = self.members[name]
        with self._plainly(), self._body(member) as stream:
            raw = stream.read(member.content_bytes)
            if len(raw) != member.content_bytes:
                raise BadSet(f"The set has {name} cut off.")
        flat = _native(np.frombuffer(raw, dtype=member.dtype))
        return flat.reshape(member.shape, order=_order(member))

    def mapped(self, name: str, scratch: Path) -> Array:
        """Stored arrays are maps of the file itself; large packed ones are unpacked to scratch and mapped."""
        member, entry = self.members[name], self._zip.getinfo(f"{name}.npy")
        if not member.size or (entry.compress_type != zipfile.ZIP_STORED and entry.file_size <= IN_MEMORY):
            return self.read(name)
        with self._plainly():
            if entry.compress_type == zipfile.ZIP_STORED:
                return _map(self._path, self._offset(entry), member)
            return _map(self._unpacked(member, scratch), 0, member)

    def _described(self) -> Mapping[str, Member]:
        entries, limits = self._zip.infolist(), self._limits
        if len(entries) > limits.members:
            raise BadSet(f"The set has {len(entries):,} arrays, more than {limits.members:,}.")
        members: dict[str, Member] = {}
        for entry in entries:
            member = self._member(entry)
            if member.name in members:
                raise BadSet(f"The set has {member.name} twice.")
            members[member.name] = member
        total = sum(member.content_bytes for member in members.values())
        if total > limits.content_bytes:
            raise BadSet(f"The set unpacks to {total:,} bytes, more than {limits.content_bytes:,}.")
        return members

    def _member(self, entry: zipfile.ZipInfo) -> Member:
        name = entry.filename.removesuffix(".npy")
        if name == entry.filename or not NAMES.fullmatch(name):
            raise BadSet(
                f"The set has a member {entry.filename[:100]!r} that is no array with a printable name:"
                " write the file with numpy.savez."
            )
        if entry.flag_bits & ENCRYPTED or entry.compress_type not in COMPRESSIONS:
            raise BadSet(f"The set has {name} encrypted or packed in an uncommon way: use numpy.savez.")
        with self._zip.open(entry) as stream:
            shape, fortran, dtype = _header(name, stream)
            begins = stream.tell()
        refuse_strange(name, dtype)
        # an axis of 0 makes the content nothing, however long the other axes say they are
        if math.prod(max(axis, 1) for axis in shape) > self._limits.content_bytes:
            raise BadSet(f"The set has {name} in shape {list(shape)[:8]}, which is too large.")
        member = Member(name, shape, dtype, fortran and len(shape) > 1)
        _refuse_lies(member, entry, begins)
        return member

    def _body(self, member: Member) -> IO[bytes]:
        """The stream of a member's elements, behind its header."""
        stream = self._zip.open(f"{member.name}.npy")
        _header(member.name, stream)
        return stream

    def _offset(self, entry: zipfile.ZipInfo) -> int:
        """Where a member's bytes begin: behind its local header, which the directory does not describe."""
        with self._path.open("rb") as stream:
            stream.seek(entry.header_offset)
            header = stream.read(_LOCAL_HEADER)
        name, extra = struct.unpack("<HH", header[26:30])
        return entry.header_offset + _LOCAL_HEADER + int(name) + int(extra)

    def _unpacked(self, member: Member, scratch: Path) -> Path:
        """The member as a file of its own; no more of it comes than the directory says."""
        target = scratch / f"unpacked-{len(list(scratch.glob('unpacked-*')))}.npy"
        with self._zip.open(f"{member.name}.npy") as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink, _CHUNK)
        return target

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """zipfile, zlib and numpy's header parser have a dozen ways to stumble over bad bytes."""
        try:
            yield
        except (BadSet, MemoryError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in OUR_TROUBLE:
                raise
            raise BadSet(f"The set cannot be read as NPZ: {str(error)[:200]}.") from error


def _header(name: str, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Shape, whether column-major, and datatype; the stream is then at the first element."""
    version = npy.read_magic(stream)
    if version not in _LENGTHS:
        raise BadSet(f"The set has {name} in a form that plain arrays do not need: use numpy.savez.")
    length = stream.read(struct.calcsize(_LENGTHS[version]))
    (size,) = struct.unpack(_LENGTHS[version], length)
    if size > HEADER_BYTES:
        raise BadSet(f"The set has {name} with a header of {size:,} bytes.")
    shape, fortran, dtype = _parsed(version, length + stream.read(size))
    if min(shape, default=0) < 0:
        raise BadSet(f"The set has {name} in shape {list(shape)[:8]}, which no array has.")
    return shape, fortran, dtype


@lru_cache(maxsize=1024)
def _parsed(version: tuple[int, int], header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """numpy's own words, which many requests share; to parse them takes longer than to read a request."""
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(io.BytesIO(header), HEADER_BYTES)
    return tuple(int(axis) for axis in shape), bool(fortran), dtype


def _refuse_lies(member: Member, entry: zipfile.ZipInfo, begins: int) -> None:
    """Raise BadSet where directory and header disagree: mapping would give other bytes than reading."""
    whole = begins + member.content_bytes
    if entry.file_size < whole:
        raise BadSet(f"The set has {member.name} cut off.")
    stored = entry.compress_type == zipfile.ZIP_STORED
    if entry.file_size > whole or (stored and entry.compress_size != entry.file_size):
        raise BadSet(f"The set has {member.name} with more bytes than its header says.")


def _map(path: Path, offset: int, member: Member) -> Array:
    with path.open("rb") as stream:
        stream.seek(offset)
        _header(member.name, stream)
        start = stream.tell()
    return np.memmap(
        path, dtype=member.dtype, mode="r", offset=start, shape=member.shape, order=_order(member)
    )


def _order(member: Member) -> Literal["C", "F"]:
    return "F" if member.fortran else "C"


def _native(array: Array) -> Array:
    return array.astype(array.dtype.newbyteorder("="), copy=False)
