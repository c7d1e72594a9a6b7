"""A node's copies of large models, their weights in a file of their own: made once, hashed at each use."""

from __future__ import annotations

import json
import logging
import mmap
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from formats.plan import PlannedVersion
from scoring.artifacts import file_digest
from scoring.runtime.external import Malformed, Piece, split

LARGE_BYTES = 32 << 20
"""Below this, copies in all workers cost less memory than the second file is worth: chosen, not measured."""
APART = "apart"
"""The folder of such copies below a node's artifacts."""
_GRAPH, _WEIGHTS, _DIGESTS = "model.onnx", "weights.bin", "digests.json"
log = logging.getLogger(__name__)


class Apart(NamedTuple):
    """Graph and weights, each as (path, SHA-256); the weights lie in `folder` where the graph names them."""

    graph: tuple[str, str]
    folder: str
    weights: list[tuple[str, str]]


def beside(root: Path, version: PlannedVersion, cached: Mapping[str, Path], graph: tuple[str, str]) -> Apart:
    """The version's own files of weights, each linked to where its graphs name it. `cached` by place."""
    folder = root / version.digest
    if not all(_is_there(folder / place, path) for place, path in cached.items()):
        _lay_out(root, folder, cached)
    weights = [(str(folder / place), ref.sha256) for place, ref in version.weights.items()]
    return Apart(graph, str(folder), weights)


def _is_there(link: Path, path: Path) -> bool:
    return link.exists() and link.samefile(path)


def _lay_out(root: Path, folder: Path, cached: Mapping[str, Path]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix="incoming-") as work:
        made = Path(work) / "made"
        made.mkdir()
        for place, path in cached.items():
            target = made / place
            target.parent.mkdir(parents=True, exist_ok=True)
            _linked(path, target)
        if folder.exists():
            folder.rename(Path(work) / "former")
        made.rename(folder)


def _linked(path: Path, target: Path) -> None:
    """onnxruntime reads no symbolic links; a copy where the file system has no others."""
    try:
        target.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, target)


def apart(root: Path, model: Path, digest: str) -> Apart | None:
    """The verified model in two files, or None where it is small or cannot be taken apart.

    root  folder for such copies
    """
    if model.stat().st_size < LARGE_BYTES:
        return None
    folder = root / digest
    known = _known(folder)
    try:
        if known is None and _made(root, folder, model):
            known = _known(folder)
    except OSError as error:
        log.warning("%s stays in one file: %s", digest[:12], error)
    return known


def _known(folder: Path) -> Apart | None:
    """The copy that is there, if it is still what was written."""
    try:
        digests = json.loads((folder / _DIGESTS).read_text())
        found = {name: file_digest(folder / name) for name in (_GRAPH, _WEIGHTS)}
    except (OSError, ValueError):
        return None
    if found != digests:
        log.warning("the copy in %s is not what was written: it is made again", folder)
        return None
    graph, weights = ((str(folder / name), found[name]) for name in (_GRAPH, _WEIGHTS))
    return Apart(graph, str(folder), [weights])


def _made(root: Path, folder: Path, model: Path) -> bool:
    root.mkdir(parents=True, exist_ok=True)
    with (
        model.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as source,
        tempfile.TemporaryDirectory(dir=root, prefix="incoming-") as work,
    ):
        try:
            parts = split(source, _WEIGHTS)
        except Malformed as error:
            log.warning("%s stays in one file: %s", model.name[:12], error)
            return False
        if not parts.pieces:
            return False
        made = Path(work) / "made"
        made.mkdir()
        (made / _GRAPH).write_bytes(parts.graph)
        _write(made / _WEIGHTS, source, parts.pieces)
        digests = {name: file_digest(made / name) for name in (_GRAPH, _WEIGHTS)}
        (made / _DIGESTS).write_text(json.dumps(digests))
        if folder.exists():
            folder.rename(Path(work) / "former")
        made.rename(folder)
    return True


def _write(path: Path, source: memoryview, pieces: Iterable[Piece]) -> None:
    with path.open("wb") as stream:
        for piece in pieces:
            stream.seek(piece.at)
            stream.write(source[piece.start : piece.start + piece.size])
