"""Pages while many small versions are uploaded at once: what a reader waits beside them, to what without.

Fifty callers upload at the same time, each a version whose inspection takes far longer than a page. One
reader asks for the log-in page, as a stranger, and for a list over REST, as somebody known, one after the
other; it is a process of its own (`python -m benchmarks.beside_uploads PORT`, until its input ends), so that
it waits for the server and not for the callers. A caller that is told to come again does so when it was told.
"""

from __future__ import annotations

import http.client
import itertools
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.capacity import Pace
from benchmarks.closed_loop import BadAnswer
from benchmarks.installation import TOKEN, Installation
from benchmarks.measures import Measure
from benchmarks.uploads import MODEL, manifest, small_files

UPLOADS = 50
REACH = 2.0
_QUIET_SECONDS = 10.0
_PAUSE_SECONDS = 0.02
_TRIES = 200
_READERS = {
    "the log-in page": ("/login", {}),
    "a list over REST": ("/api/v1/models", {"Authorization": f"Bearer {TOKEN}"}),
}


def measure(folder: Path, pace: Pace, uploads: int = UPLOADS) -> list[Measure]:
    folder.mkdir(parents=True, exist_ok=True)
    files = small_files(folder)
    with Installation(folder, {"ASSAY_WEB_WORKERS": "2"}) as assay:
        assay.call("/api/v1/models", {"name": MODEL, "description": "", "task": ""})
        assay.upload(MODEL, manifest(files), files)
        with _reading(assay) as quiet:
            time.sleep(_QUIET_SECONDS)
        began = time.perf_counter()
        with _reading(assay) as busy:
            refused = _upload(assay, files, uploads)
        took = time.perf_counter() - began
        with _reading(assay) as after:
            time.sleep(_QUIET_SECONDS)
    return [
        _compared(name, quiet[name] + after[name], busy[name], uploads, took, refused) for name in _READERS
    ]


def _compared(
    name: str, quiet: list[float], busy: list[float], uploads: int, took: float, refused: int
) -> Measure:
    return Measure(
        f"{name} beside {uploads} uploads at once: p99 to p99 without",
        _p99(busy) / _p99(quiet),
        "x",
        f"p99 {_p99(busy):.1f} ms, without {_p99(quiet):.1f} ms; p50 {statistics.median(busy):.1f} and "
        f"{statistics.median(quiet):.1f} ms; slowest {max(busy):.0f} ms; the uploads took {took:.0f} s, "
        f"{refused} times one was told to come again",
        REACH,
    )


def _upload(assay: Installation, files: dict[str, Path], uploads: int) -> int:
    """All of them at once; how many times one was told to come again."""
    refused = itertools.count()

    def upload(mine: dict[str, object]) -> None:
        for _ in range(_TRIES):
            try:
                assay.upload(MODEL, mine, files)
                return
            except BadAnswer as answer:
                if "HTTP/1.1 503" not in str(answer):
                    raise
                next(refused)
                time.sleep(2.0)
        raise BadAnswer("an upload was refused too often")

    with ThreadPoolExecutor(uploads) as many:
        for sent in [many.submit(upload, manifest(files)) for _ in range(uploads)]:
            sent.result()
    return next(refused)


@contextmanager
def _reading(assay: Installation) -> Iterator[dict[str, list[float]]]:
    """Milliseconds of each answer that a reader had meanwhile, filled at the end. Raises BadAnswer."""
    words = [sys.executable, "-m", "benchmarks.beside_uploads", str(assay.port)]
    found: dict[str, list[float]] = {}
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        yield found
        told, _ = reader.communicate()
    if reader.returncode:
        raise BadAnswer("the reader was answered badly")
    found.update(json.loads(told))


def _read(port: int, ended: Callable[[], bool]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in _READERS}
    while not ended():
        for name, (path, headers) in _READERS.items():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            began = time.perf_counter()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            connection.close()
            if answer.status != 200:
                raise BadAnswer(f"{name} was answered with {answer.status}")
            found[name].append((time.perf_counter() - began) * 1000)
        time.sleep(_PAUSE_SECONDS)
    return found


def _p99(took: list[float]) -> float:
    return statistics.quantiles(took, n=100)[98]


def main() -> None:
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.buffer.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    print(json.dumps(_read(int(sys.argv[1]), ended.is_set)))


if __name__ == "__main__":
    main()
