"""Files that are no sets, told by name with what to do instead."""

from __future__ import annotations

from formats.sets.errors import BadSet
from formats.sets.testset import END_TO_END, SetName

MAGICS = {
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "one NumPy array",
    b"\x1f\x8b": "packed with gzip",
    b"SQLite format 3\0": "an SQLite database",
    b"version https://git-lfs": "a Git LFS pointer (git lfs pull brings the file itself)",
}
PICKLE_PROTOCOLS = {2, 3, 4, 5}
UTF16 = (b"\xff\xfe", b"\xfe\xff")
BOM = b"\xef\xbb\xbf"
SEPARATORS = b",;\t"


def refuse_foreign(head: bytes, which: SetName) -> None:
    """Raise BadSet for a file that begins as no set in NPZ or JSON Lines does."""
    what = _what(head)
    if what is not None:
        second = "expected/<output>" if which == END_TO_END else "target"
        raise BadSet(
            f"The set is {what}. Save it as NPZ,"
            f' np.savez("{which}.npz", **{{"inputs/<name>": rows, "{second}": truth}}), or as JSON Lines.'
        )


def _what(head: bytes) -> str | None:
    for magic, words in MAGICS.items():
        if head.startswith(magic):
            return words
    if head[:1] == b"\x80" and head[1:2] and head[1] in PICKLE_PROTOCOLS:
        return "a pickle, which is never read"
    if head.startswith(UTF16):
        return "text in UTF-16, and JSON is UTF-8"
    return _what_text(head.removeprefix(BOM).lstrip())


def _what_text(text: bytes) -> str | None:
    first = text.split(b"\n", 1)[0].strip()
    if first.startswith(b"["):
        return "one JSON list, and JSON Lines have one object per line without commas between them"
    if first == b"{":
        return "JSON over several lines, and JSON Lines have one whole object per line"
    if first and not first.startswith(b"{") and any(mark in first for mark in SEPARATORS):
        return "CSV, which does not say what its columns are"
    return None
