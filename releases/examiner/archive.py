"""Arrays out of an NPZ file, without pickle and, where they are stored as they are, without reading them."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from releases.examiner.findings import OUR_TROUBLE, BadSet

Array = NDArray[Any]

MOST_MEMBERS = 200_000
IN_MEMORY = 32 << 20
MOST_INFLATED = 64 << 30
_KINDS = "biufUS"
_LOCAL_HEADER = 30
_CHUNK = 1 << 20


class Archive:
    """An open NPZ. Stored arrays are memory maps of the file; large compressed ones are inflated to scratch.

    Raises BadSet on anything that is not plain arrays of numbers, booleans and texts.
    """

    def __init__(self, path: Path, scratch: Path) -> None:
        self._path = path
        self._scratch = scratch
        try:
            self._zip = zipfile.ZipFile(path)
        except Exception as error:
            _unless_ours(error)
            raise BadSet(f"the set is not a readable NPZ file: {str(error)[:200]}") from error
        self._members = {member.filename: member for member in self._zip.infolist()}
        if len(self._members) > MOST_MEMBERS:
            raise BadSet(f"the set has {len(self._members)} arrays; at most {MOST_MEMBERS} are read")
        self._inflated = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def names(self) -> list[str]:
        """The arrays' names, without `.npy`."""
        wrong = next((name for name in self._members if not name.endswith(".npy")), None)
        if wrong is not None:
            raise BadSet(f"the set holds {wrong[:100]!r}, which is no array")
        return [name.removesuffix(".npy") for name in self._members]

    def __getitem__(self, name: str) -> Array:
        """One array. Its elements are numbers, booleans or texts."""
        member = self._members[f"{name}.npy"]
        try:
            return self._read(member)
        except BadSet as error:
            raise BadSet(f"array {name!r}: {error}") from error
        except Exception as error:
            # zipfile, zlib and numpy's header parser have a dozen ways to stumble over bad bytes.
            _unless_ours(error)
            raise BadSet(f"array {name!r} is unreadable: {str(error)[:200]}") from error

    def _read(self, member: zipfile.ZipInfo) -> Array:
        if member.compress_type == zipfile.ZIP_STORED:
            return _mapped(self._path, self._offset(member), member.file_size)
        if member.compress_type != zipfile.ZIP_DEFLATED:
            raise BadSet("it is compressed in a way that numpy does not write")
        if member.file_size <= IN_MEMORY:
            with self._zip.open(member) as stream:
                return _plain(io.BytesIO(_exactly(stream, member.file_size)), member.file_size)
        return self._inflate(member)

    def _offset(self, member: zipfile.ZipInfo) -> int:
        """Where a member's bytes begin: behind its local header, which the directory does not describe."""
        with self._path.open("rb") as stream:
            stream.seek(member.header_offset)
            header = stream.read(_LOCAL_HEADER)
        if len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04" or member.flag_bits & 1:
            raise BadSet("it is not stored as it is")
        name, extra = struct.unpack("<HH", header[26:30])
        return member.header_offset + _LOCAL_HEADER + int(name) + int(extra)

    def _inflate(self, member: zipfile.ZipInfo) -> Array:
        """Bytes are counted as they come, not believed."""
        self._inflated += member.file_size
        if self._inflated > MOST_INFLATED:
            raise BadSet(f"the set inflates to more than {MOST_INFLATED >> 30} GiB")
        target = self._scratch / f"inflated-{len(list(self._scratch.glob('inflated-*')))}.npy"
        with self._zip.open(member) as source, target.open("wb") as sink:
            left = member.file_size
            while chunk := source.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise BadSet("it is longer than it says")
                sink.write(chunk)
        return _mapped(target, 0, target.stat().st_size)


def _unless_ours(error: Exception) -> None:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in OUR_TROUBLE):
        raise error


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size + 1)
    if len(data) != size:
        raise BadSet("it is not as long as it says")
    return data


def _mapped(path: Path, offset: int, size: int) -> Array:
    with path.open("rb") as stream:
        stream.seek(offset)
        shape, fortran, dtype = _header(stream)
        start = stream.tell()
    count = _count(shape, dtype, size - (start - offset))
    if not count:
        return np.empty(shape, dtype)
    order: Any = "F" if fortran else "C"
    return np.memmap(path, dtype=dtype, mode="r", offset=start, shape=shape, order=order)


def _plain(stream: io.BytesIO, size: int) -> Array:
    shape, fortran, dtype = _header(stream)
    if not _count(shape, dtype, size - stream.tell()):
        return np.empty(shape, dtype)
    flat = np.frombuffer(stream.read(), dtype=dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise BadSet(f"it has array format {version[0]}.{version[1]}; 1.0 and 2.0 are read")
    if dtype.hasobject or dtype.kind not in _KINDS or dtype.fields is not None:
        raise BadSet(f"it holds {str(dtype)[:60]}; numbers, booleans and texts (dtype U) are read")
    return shape, fortran, dtype


def _count(shape: tuple[int, ...], dtype: np.dtype[Any], size: int) -> int:
    """Elements. Raises BadSet unless they fill `size` bytes exactly; Python's integers do not overflow."""
    count = 1
    for axis in shape:
        count *= int(axis)
    if min(shape, default=0) < 0 or count * dtype.itemsize != size:
        raise BadSet(f"its shape {list(shape)[:8]} does not fit its {size} bytes")
    return count
