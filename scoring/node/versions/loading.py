"""From wanted versions to loaded ones: fetch into the cache, order the workers to load, try again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from formats.plan import ArtifactRef, Key, PlannedVersion
from scoring.artifacts import ArtifactCache
from scoring.control import Failed, Load
from scoring.errors import CorruptArtifact
from scoring.node.versions.memory import Memory, NoRoom
from scoring.node.versions.weights import Apart, apart, beside
from scoring.node.workers.crashes import Crash
from scoring.node.workers.fleet import Fleet, Worker

FETCHES_AT_ONCE = 2
"""One large version does not keep a small one waiting."""
DEATHS = 2
"""The first may have been somebody else's fault; the second and last try is the heir's, without clients."""
NOT_FETCHED = "its artifacts cannot be fetched: "
_CANNOT = "version %s of %s cannot be served here: %s"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Seconds, doubled each time: a store that was restarted is met soon, and one that is away not asked all the
time."""
log = logging.getLogger(__name__)


class Loading:
    """`failed` says of each version that could not be made ready why not, in a sentence.

    While workers answer clients, a version that nobody has loaded yet is tried by one of them alone:
    if it kills that worker, the others live on. Its second and last try is the heir's, who has no
    clients yet.
    """

    def __init__(
        self,
        cache: ArtifactCache,
        copies: Path,
        fleet: Fleet,
        memory: Memory,
        changed: Callable[[], None],
    ) -> None:
        self._cache = cache
        self._copies = copies
        self._fleet = fleet
        self._memory = memory
        self._changed = changed
        self._fetchers = ThreadPoolExecutor(FETCHES_AT_ONCE, "fetch")
        self._needed: Mapping[Key, PlannedVersion] = {}
        self._orders: dict[Key, Load] = {}
        self._marks: dict[Key, int] = {}
        self._fetching: dict[Key, asyncio.Task[None]] = {}
        self._trials: dict[Key, Worker] = {}
        self._deaths: dict[Key, int] = {}
        self.failed: dict[Key, str] = {}

    def want(self, needed: Mapping[Key, PlannedVersion]) -> None:
        """Make exactly these versions ready in every worker."""
        self._needed = needed
        for key in [key for key in self._orders if key not in needed]:
            del self._orders[key]
        for table in (self.failed, self._deaths, self._trials):
            for key in [key for key in table if key not in needed]:
                del table[key]
        for key in needed:
            if key not in self._orders and key not in self._fetching:
                self._fetch(key)
        for worker in self._fleet.workers.values():
            self.order(worker)

    def order(self, worker: Worker) -> None:
        """Tell a worker to load what it has not been told to load."""
        worker.ordered &= self._needed.keys()
        worker.loaded &= self._needed.keys()
        for key, load in self._orders.items():
            if key not in worker.ordered and self._may_try(worker, key):
                worker.ordered.add(key)
                worker.link.send(load)

    def _may_try(self, worker: Worker, key: Key) -> bool:
        workers = self._fleet.workers.values()
        if self._deaths.get(key, 0) >= DEATHS:
            return False
        if any(key in each.loaded for each in workers) or not any(each.loaded for each in workers):
            return True
        if key in self._trials or (key in self._deaths and worker.joined):
            return False
        self._trials[key] = worker
        return True

    def loaded(self, worker: Worker) -> None:
        """A worker has loaded something: what it could, the others can."""
        for key in [key for key in (*self._trials, *self._deaths) if key in worker.loaded]:
            self._trials.pop(key, None)
            self._deaths.pop(key, None)
        for each in self._fleet.workers.values():
            self.order(each)

    def released(self, worker: Worker, crash: Crash) -> None:
        """A worker is gone, and how. A version that killed two while they loaded it is not tried again."""
        for tried in [tried for tried, each in self._trials.items() if each is worker]:
            del self._trials[tried]
        key = crash.key
        if key is None or not crash.loading or key not in self._needed:
            return
        self._deaths[key] = self._deaths.get(key, 0) + 1
        if self._deaths[key] >= DEATHS:
            self.failed[key] = f"it killed {DEATHS} workers that were loading it ({crash.how})"
            log.error(_CANNOT, key[1], key[0], self.failed[key])

    def deadly(self) -> set[Key]:
        """The versions that are not loaded any more because they kill who loads them."""
        return {key for key, deaths in self._deaths.items() if deaths >= DEATHS}

    def refused(self, worker: Worker, failure: Failed) -> None:
        """A worker could not load a version. Corrupt bytes are fetched again; anything else stays refused."""
        key = failure.key
        version = self._needed.get(key)
        if version is None:
            return
        if failure.code == CorruptArtifact.code and key in self._orders:
            log.warning("%s: %s", key, failure.sentence)
            del self._orders[key]
            self._trials.pop(key, None)
            for each in self._fleet.workers.values():
                each.ordered -= {key} - each.loaded
            self._fetch(key)
            return
        self._trials.pop(key, None)
        self.failed[key] = failure.sentence
        log.error(_CANNOT, key[1], key[0], failure.sentence)

    def keys_by_mark(self) -> dict[int, Key]:
        """What the marks in a black box stand for."""
        return {mark: key for key, mark in self._marks.items()}

    def _fetch(self, key: Key) -> None:
        self._fetching[key] = asyncio.ensure_future(self._fetched(key))

    async def _fetched(self, key: Key) -> None:
        pause = _FIRST_PAUSE
        loop = asyncio.get_running_loop()
        try:
            while (version := self._needed.get(key)) is not None:
                try:
                    self._memory.check(version, self._promised())
                    mark = self._marks.setdefault(key, len(self._marks) + 1)
                    self._orders[key] = await loop.run_in_executor(
                        self._fetchers, self._order, key, mark, version
                    )
                except Exception as error:
                    told = "" if isinstance(error, NoRoom) else NOT_FETCHED
                    self.failed[key] = f"{told}{error}"
                    log.warning(_CANNOT, key[1], key[0], self.failed[key])
                    self._changed()
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)
                    continue
                self.failed.pop(key, None)
                break
        finally:
            del self._fetching[key]
        self.want(self._needed)

    def _promised(self) -> int:
        """What the versions will take that are on their way into the workers."""
        workers = list(self._fleet.workers.values())
        coming = [key for key in self._orders if not all(key in each.loaded for each in workers)]
        return sum(self._memory.needs(self._needed[key]) for key in coming if key in self._needed)

    def _order(self, key: Key, mark: int, version: PlannedVersion) -> Load:
        path, digest = self._file(version.model)
        parts = self._apart(version, Path(path))
        return Load(
            key,
            mark,
            version,
            parts.graph if parts else (path, digest),
            self._file(version.extractor) if version.extractor else None,
            self._file(version.answers) if version.answers else None,
            parts.folder if parts else None,
            parts.weights if parts else [],
        )

    def _apart(self, version: PlannedVersion, model: Path) -> Apart | None:
        """Graph and weights in files of their own, as they came or as made here of a large model."""
        if not version.weights:
            return apart(self._copies, model, version.model.sha256)
        cached = {place: self._cache.path(ref.sha256) for place, ref in version.weights.items()}
        graph = (str(model), version.model.sha256)
        return beside(self._copies, version, cached, graph)

    def _file(self, ref: ArtifactRef) -> tuple[str, str]:
        return str(self._cache.path(ref.sha256)), ref.sha256
