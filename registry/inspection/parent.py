"""Inspecting files from outside: the child is believed only as far as its words make sense."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from formats.sets import SetLimits
from formats.weights import beside
from registry import sandbox
from registry.inspection.policy import Policy
from registry.inspection.refusals import Finding, Refusal
from registry.inspection.report import Inspection, parse
from registry.inspection.sets import SETS
from registry.inspection.written import MOST_BYTES, TEXTS
from registry.sandbox import Finished, Limits, Mount
from registry.sandbox.folders import private_folder
from registry.sandbox.limits import GIB, MIB, patience

if TYPE_CHECKING:
    from registry.manifest.stored import StoredManifest

KEYS = ("model", "extractor", "metric", *SETS, *TEXTS)
INSIDE = "/run/assay"
WEIGHTS = f"{INSIDE}/weights"
READABLE_BY_ALL = 0o444
"""The cell is another user, and may read; nobody may write. A cell has nothing to import this from."""
MOST_MEMORY_BYTES = 16 * GIB
CPU_SHARE = 0.8
"""Below one, so that who only computes is told of the processor and not of the clock."""
BEHIND_PAGES = 10
"""Niceness: who uploads waits for a cell anyway, who reads a page for nothing else. A tenth of the weight
of a page's process: less would let other work on the machine keep a cell from ending in its time."""
_TURNS = threading.BoundedSemaphore(2)


def inspect(
    files: Mapping[str, Path],
    *,
    manifest: StoredManifest,
    policy: Policy | None = None,
    sets: SetLimits | None = None,
    limits: Limits | None = None,
    allow_unisolated: bool = False,
) -> Inspection:
    """Inspect a version's files in a cell. Never raises for what is in them.

    files     manifest key -> path; graphs, weights, the two sets and what people read are looked at
    manifest  the manifest's document: files, rows, signature and metric are compared with the graphs
    policy    what the model's graphs may be, and which operators it may use beyond the default

    Raises NoSandbox when there is no cell to be had.
    """
    policy, sets = policy or Policy(), sets or SetLimits()
    looked_at = {key: files[key] for key in KEYS if key in files}
    if refusals := _oversize(looked_at, policy, sets):
        return Inspection(refusals=refusals)
    weights = {where: files[key] for where, key in beside(manifest.get("files") or {}).items()}
    with private_folder("inspection-") as folder:
        order = {
            "files": {key: f"{INSIDE}/{key}" for key in looked_at},
            "manifest": {key: manifest.get(key) for key in ("files", "rows", "signature", "metric")},
            "policy": policy.to_json(),
            "sets": asdict(sets),
            "weights": WEIGHTS if weights else None,
        }
        mounts = [Mount(_shown(path, folder / key), f"{INSIDE}/{key}") for key, path in looked_at.items()]
        mounts += _beside(weights, folder / "weights")
        # Few cells at a time for each process of the web server: more would only share the same cores.
        with _TURNS:
            finished = sandbox.run(
                sandbox.python("registry.inspection"),
                stdin=json.dumps(order, default=str).encode(),
                mounts=mounts,
                limits=limits or _limits(looked_at, weights),
                allow_unisolated=allow_unisolated,
            )
    return _account(finished)


def _beside(weights: Mapping[str, Path], folder: Path) -> list[Mount]:
    """The files of weights, each where a graph expects it. Nothing is done to the files themselves: an upload
    tells by its marks that they are still the ones that were hashed."""
    if sandbox.level().isolated:
        folder.mkdir()
        spare = {where: folder / str(number) for number, where in enumerate(weights)}
        return [Mount(_shown(path, spare[where]), f"{WEIGHTS}/{where}") for where, path in weights.items()]
    # a machine without walls has no mounts either
    for where, path in weights.items():
        (folder / where).parent.mkdir(parents=True, exist_ok=True)
        _shown_copy(path, folder / where)
    return [Mount(folder, WEIGHTS)] if weights else []


def _oversize(files: Mapping[str, Path], policy: Policy, sets: SetLimits) -> tuple[Refusal, ...]:
    refusals = []
    for key, path in files.items():
        most = MOST_BYTES if key in TEXTS else sets.file_bytes if key in SETS else policy.file_bytes
        size = path.stat().st_size
        if size > most:
            message = f"{key} has {size:,} bytes, more than {most:,}."
            refusals.append(Refusal("too_large", f"files.{key}", message))
    return tuple(refusals)


def _shown(path: Path, spare: Path) -> Path:
    """The file, or a copy of it where the cell's user could not read the file itself."""
    if path.stat().st_mode & 0o004:
        return path
    return _shown_copy(path, spare)


def _shown_copy(path: Path, spare: Path) -> Path:
    shutil.copyfile(path, spare)
    spare.chmod(READABLE_BY_ALL)
    return spare


def _limits(files: Mapping[str, Path], weights: Mapping[str, Path]) -> Limits:
    """A graph is in memory as bytes, as a message and as a session at once; weights beside it are mapped."""
    graphs = sum(path.stat().st_size for key, path in files.items() if key not in SETS)
    mapped = sum(path.stat().st_size for path in weights.values())
    everything = sum(path.stat().st_size for path in files.values()) + mapped
    return Limits(
        memory_bytes=min(GIB + 5 * graphs, MOST_MEMORY_BYTES) + 2 * mapped,
        # so that who only computes is told of the processor and not of the clock
        cpu_seconds=int(CPU_SHARE * patience(everything)),
        wall_seconds=round(patience(everything)),
        output_bytes=8 * MIB,
        niceness=BEHIND_PAGES,
    )


def _account(finished: Finished) -> Inspection:
    """The last report that the child finished; if it did not finish the work, what happened instead."""
    try:
        reports = [parse(line) for line in finished.stdout.split(b"\n")[:-1]]
    except ValueError as error:
        return _nonsense(str(error))
    if finished.ok and reports:
        return reports[-1]
    return _broken_off(finished, reports)


def _nonsense(why: str) -> Inspection:
    """What was found does not fit a report: bounds that an honest graph stays far within."""
    sentence = f"What was found in the files is beyond every bound: {why[:200]}."
    return Inspection(refusals=(Refusal("unreadable", "files.model", sentence),))


def _broken_off(finished: Finished, reports: list[Inspection]) -> Inspection:
    """The process ended before its work: at the graphs, at the sets, or when it loaded the model."""
    if not reports:
        sentence = f"The files could not be read: the process that read them {finished.sentence}."
        return Inspection(refusals=(Refusal("unreadable", "files.model", sentence),))
    last = reports[-1]
    if len(reports) == 1:
        sentence = f"The sets could not be read: the process that read them {finished.sentence}."
        return structs.replace(
            last, refusals=(*last.refusals, Refusal("unreadable", "files.confidence", sentence))
        )
    sentence = f"The model does not load: the process that loaded it {finished.sentence}."
    return structs.replace(last, findings=(*last.findings, Finding("does_not_load", sentence)))
