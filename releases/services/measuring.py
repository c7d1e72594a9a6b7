"""What each automatic gate is asked about: fetched, measured in the sandbox, handed over as values."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic
from typing import Any

from django.conf import settings

from formats.plan import ArtifactRef, PlannedVersion
from formats.serving import Serving
from formats.types import Signature, VersionRef
from formats.weights import beside, is_weights
from registry import disk, inspection, model_policy
from registry.inspection.policy import operator
from registry.manifest import MetricRange
from registry.models import ModelVersion, VersionFile
from registry.sandbox import NoSandbox
from registry.storage import ArtifactStore, materialise
from registry.storage.errors import DamagedArtifact, StoreFull, StoreUnavailable
from registry.stores import artifact_store
from releases import plans, selectors
from releases.models import Release
from releases.proof.cells import ExaminerBroke, OutOfTime, Proof, prove
from releases.proof.examiner import result
from releases.proof.gates import Candidate, Outcome, Verdict
from releases.proof.gates.catalog import GATES
from releases.proof.room import Room
from releases.proof.server_cell import Subject
from releases.services.forecasting import Forecast, Told
from scoring.runtime import locales

SEED = 20_260_101
"""So that a proof can be made again with the same draws; any number would do."""
_OUR_TROUBLE = (NoSandbox, StoreFull, StoreUnavailable, ExaminerBroke, OutOfTime, OSError)


class Bench:
    """One release on the bench, in a folder of its own that is emptied afterwards.

    tell    hears every second or so how far the measuring is.
    """

    def __init__(self, release: Release, folder: Path, tell: Callable[[Told], None]) -> None:
        self.release = release
        self.version: ModelVersion = release.version
        self.folder = folder
        self.champion = selectors.champion(release.model, release.environment)
        self._tell = tell
        self._ends = monotonic() + 60 * model_policy.parse(release.policy).proof_minutes
        self._room = Room(settings.DATA_DIR / "room")
        self._files: dict[str, Path] = {}
        self._data_proof: Proof | None = None
        self._champions_proof: Proof | None = None
        self._ways: dict[str, Callable[[], Mapping[str, object]]] = {
            "integrity": self._inspect,
            "schema": dict,
            "end_to_end": self._end_to_end,
            "confidence": self._confidence,
            "benchmark": self._benchmark,
        }

    def measure(self, gate: str) -> Verdict:
        """Measure for one gate and ask it. Trouble of our own is ERRORED; the model's is its verdict.

        Raises StoreFull, or OSError, where a disk has no room or takes no writes.
        """
        try:
            with self._room.alone() if gate == "benchmark" else self._room.beside_others():
                measured = self._ways[gate]()
        except DamagedArtifact as error:
            why = f"This gate could not be run: {error}"
            return Verdict(Outcome.ERRORED, why, {"error": str(error), "damaged": error.facts["digest"]})
        except _OUR_TROUBLE as error:
            if isinstance(error, StoreFull) or disk.told(error) is not None:
                raise  # the job waits for room, and the gate with it
            return Verdict(Outcome.ERRORED, f"This gate could not be run: {error}", {"error": str(error)})
        return GATES[gate].check(replace(self._candidate(), measured=measured))

    def _candidate(self) -> Candidate:
        champion = self.champion.version if self.champion else None
        return Candidate(
            ref=VersionRef(self.release.model.name, self.version.number, self.version.digest),
            signature=Signature.from_json(self.version.signature),
            champion=Signature.from_json(champion.signature) if champion else None,
            champion_number=champion.number if champion else None,
            intended_break=str(self.version.manifest.get("signature", {}).get("intended_break") or ""),
            manifest=self.version.manifest,
            policy=self.release.policy,
        )

    def _fetched(self, version: ModelVersion) -> dict[str, Path]:
        """The version's files by key, each checked against its digest on the way."""
        store, folder = artifact_store(), self.folder / "files" / str(version.number)
        folder.mkdir(parents=True, exist_ok=True)
        return {
            f.key: _taken(store, version.number, f, folder / f"{f.key}{Path(f.name).suffix}")
            for f in version.files.all()
        }

    def _own_files(self) -> dict[str, Path]:
        self._files = self._files or self._fetched(self.version)
        return self._files

    def _inspect(self) -> Mapping[str, object]:
        files = self._own_files()
        allowed = frozenset(_operator(name) for name in self.release.policy.get("operators", ()))
        found = inspection.inspect(
            files,
            manifest=self.version.manifest,
            policy=inspection.Policy(allowed=allowed),
            allow_unisolated=settings.ALLOW_UNISOLATED,
        )
        if lacking := [finding for finding in found.findings if finding.code == inspection.NO_LOCALE]:
            raise OSError(lacking[0].message)
        return {**found.to_json(), "checked": sorted(files)}

    def _end_to_end(self) -> Mapping[str, object]:
        proof = self._data()
        found = _part(proof, "end_to_end")
        return found if "reason" in found else {**found, "answers": self._kept(proof, "answers.jsonl")}

    def _confidence(self) -> Mapping[str, object]:
        proof = self._data()
        found = _part(proof, "confidence")
        return found if "reason" in found else {**found, "kept": self._kept_rows(proof)}

    def _kept_rows(self, proof: Proof) -> dict[str, Any]:
        """The tables of rows and answers; the champion's answers too, where it answered the same rows."""
        kept = {
            "rows": self._kept(proof, result.ROWS_TABLE),
            "answers": self._kept(proof, result.ANSWERS_TABLE),
        }
        if self.champion is not None and self._champions_proof is not None:
            kept["champion"] = self._kept(self._champions_proof, result.ANSWERS_TABLE)
            if kept["champion"]:
                kept["champion"]["version"] = self.champion.version.number
        return kept

    def _benchmark(self) -> Mapping[str, object]:
        if self._data_proof is not None and self._data_proof.hopeless:
            # What could not be loaded, died or hung does so again: nobody waits for that twice.
            return {"reason": self._data_proof.hopeless}
        proof = self._prove("benchmark", self.release, self._own_files(), ["benchmark"])
        found = _part(proof, "benchmark")
        if "reason" in found:
            return found
        return {
            **found,
            "load_ms": proof.load_ms,
            "peak_memory_bytes": proof.peak_memory_bytes,
            "size_bytes": sum(f.artifact.size for f in self.version.files.all() if _is_served(f.key)),
            "profile": proof.hardware.get("profile", ""),
            "hardware": dict(proof.hardware),
        }

    def _data(self) -> Proof:
        """Both data gates in one pair of cells; the champion answers the same rows first."""
        if self._data_proof is None:
            self._data_proof = self._prove(
                "data", self.release, self._own_files(), ["end_to_end", "confidence"], self._paired()
            )
        return self._data_proof

    def _paired(self) -> Path | None:
        """The champion's predictions on this version's confidence set; None where it cannot answer it."""
        if self.champion is None:
            return None
        sets = {**self._fetched(self.champion.version), "confidence": self._own_files()["confidence"]}
        proof = self._champions_proof = self._prove("champion", self.champion, sets, ["confidence"])
        path = proof.scratch / "predictions.npy" if proof.scratch else None
        return path if path is not None and path.is_file() and not path.is_symlink() else None

    def _prove(
        self,
        name: str,
        of: Release,
        files: Mapping[str, Path],
        do: list[str],
        champion_predictions: Path | None = None,
    ) -> Proof:
        if _changes_case(of.version) and not locales.has():
            raise OSError(locales.MISSING)
        work = self.folder / name
        # What an earlier try of this job left behind, which was errored half-way.
        shutil.rmtree(work, ignore_errors=True)
        return prove(
            work,
            _subject(of, files),
            {key: files[key] for key in ("end_to_end", "confidence")},
            {
                "rows": self.version.manifest.get("rows"),
                "signature": self.version.signature,
                "metric": self._metric(),
                "do": do,
                "seed": SEED,
                "benchmark": {"seconds": settings.BENCHMARK_SECONDS, "blocks": 20},
            },
            seconds=self._left(),
            watch=Forecast(of.version.number, self._tell),
            room=None if name == "benchmark" else self._room,
            champion_predictions=champion_predictions,
            own_metric=self._own_metric() if "confidence" in do else None,
            allow_unisolated=settings.ALLOW_UNISOLATED,
        )

    def _left(self) -> float:
        """Seconds that the model's policy still gives this proof."""
        left = self._ends - monotonic()
        if left <= 0:
            raise OutOfTime(
                "the time that the model's policy gives a proof (proof_minutes) was used up before"
            )
        return left

    def _own_metric(self) -> Subject | None:
        """The graph that the version brings along to be judged by, served as a model is."""
        signature = self.version.inspection.get("metric")
        if not signature:
            return None
        row = self.version.files.get(key="metric")
        ref = ArtifactRef(row.artifact_id, row.artifact.size)
        planned = plans.planned_version(
            number=self.version.number,
            digest=self.version.digest,
            files={"model": ref},
            signature=signature,
            rows="requests",
            batchable=False,
            serving=Serving(),
            answers=None,
        )
        return Subject(self.release.model.name, planned, {ref.sha256: self._own_files()["metric"]})

    def _metric(self) -> dict[str, object]:
        """The manifest's metric; a margin that it leaves open is that of the model's policy."""
        metric = asdict(MetricRange.from_json(self.version.manifest["metric"]))
        if metric["margin"] is None:
            metric["margin"] = self.release.policy.get("margin")
        return metric

    def _kept(self, proof: Proof, name: str) -> dict[str, object] | None:
        """Put a file that the examiner left into the store; its reference, None where there is none."""
        path = proof.scratch / name if proof.scratch else None
        if path is None or path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as stream:
            stored = artifact_store().put(stream)
        return ArtifactRef(stored.digest, stored.size).to_json()


def _taken(store: ArtifactStore, number: int, file: VersionFile, target: Path) -> Path:
    """One file out of the store. Raises DamagedArtifact, in words that blame the store and no version."""
    try:
        return materialise(store, file.artifact_id, target)
    except (DamagedArtifact, FileNotFoundError) as error:
        lost = "has lost" if isinstance(error, FileNotFoundError) else "holds other bytes than"
        raise DamagedArtifact(
            f"our store {lost} {file.name} of version {number} ({file.artifact_id[:12]}). Restore it from a"
            " backup, then run the errored gates again. Nothing is held against the version.",
            digest=file.artifact_id,
        ) from error


def _is_served(key: str) -> bool:
    return key in ("model", "extractor") or is_weights(key)


def _part(proof: Proof, part: result.Part) -> dict[str, object]:
    """One part of the examination as JSON, or the reason why there is none.

    Raises OSError when the examiner says that it was our trouble.
    """
    examination = proof.examination
    if examination is None:
        return {"reason": proof.fault}
    if examination.outcome == "errored":
        raise OSError(examination.reason or "the examiner could not work")
    found = getattr(examination, part)
    if found is None:
        why = examination.problem(part) or examination.reason
        return {"reason": why or "The examiner found nothing to say."}
    return dict(asdict(found))


def _changes_case(version: ModelVersion) -> bool:
    """Whether it has the operator that cannot be loaded on a machine without the locale."""
    graphs: Mapping[str, Any] = version.inspection.get("graphs", {})
    return any(["", "StringNormalizer"] in graph["operators"] for graph in graphs.values())


def _operator(name: str) -> tuple[str, str]:
    """`Loop` is of the default domain, `ai.onnx.ml:TreeEnsemble` of its own."""
    domain, _, bare = name.rpartition(":")
    return operator(domain, bare)


def _subject(of: Release, files: Mapping[str, Path]) -> Subject:
    """What the server cell serves, in all that touches its answers as nodes will serve it; one row a run."""
    version: ModelVersion = of.version
    rows = {f.key: f for f in version.files.all()}
    refs = {
        key: ArtifactRef(row.artifact_id, row.artifact.size) for key, row in rows.items() if _is_served(key)
    }
    planned: PlannedVersion = plans.planned_version(
        number=version.number,
        digest=version.digest,
        files=refs,
        signature=version.signature,
        rows=version.end_to_end_set.kind,
        batchable=False,
        serving=model_policy.parse(of.policy).serving.at_proof(),
        answers=None,
        weights={where: refs[key] for where, key in beside(version.manifest.get("files") or {}).items()},
    )
    return Subject(of.model.name, planned, {ref.sha256: files[key] for key, ref in refs.items()})
