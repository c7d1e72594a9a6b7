"""One version: its facts, its locked triple, its files, its card, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from formats.dtypes import FLOATS
from formats.types import TensorSpec
from formats.weights import is_weights
from registry import selectors as registry_selectors
from registry.errors import DomainError
from registry.selectors import access
from registry.services.downloads import opened
from registry.storage.errors import DamagedArtifact
from registry.web.drafts import Written
from registry.web.pages import PersonRequest, action, page
from releases import selectors
from releases.comparing import versions as comparing
from releases.proof import evidence
from releases.proof.gates.schema import BEYOND
from releases.services.opening import open_release
from releases.web.version.lineage import Part, drawing

if TYPE_CHECKING:
    from registry.manifest.stored import StoredTensor
    from registry.models import ModelVersion, VersionFile

SHOWN_BYTES = 200_000
# About two screens of text: a longer card pushes inputs, figures and files out of sight.
LONG_CARD_CHARACTERS = 4_000
LONG_CARD_LINES = 80
OPENED = ("card", "requirements", "scoring_code")


NOT_HELD = "told, and not held"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output: what the graph says, what the manifest adds, which values are allowed and how."""

    name: str
    datatype: str
    shape: Sequence[int]
    facts: StoredTensor
    features: Sequence[str]
    allowed: Sequence[str] = ()


@page
def version(request: PersonRequest, name: str, number: int) -> HttpResponseBase:
    """The whole page."""
    return render(request, "releases/version/page.html", _context(request, name, number))


@page
def download(request: PersonRequest, name: str, number: int, key: str) -> HttpResponseBase:
    """One file's bytes, always as an attachment."""
    found = _version(request, name, number)
    file = next((f for f in found.files.all() if f.key == key), None)
    if file is None:
        raise Http404
    response = FileResponse(
        opened(file.name, file.artifact.size, file.artifact.digest).stream,
        as_attachment=True,
        filename=file.name,
        content_type="application/octet-stream",
    )
    response["Content-Length"] = file.artifact.size
    response["X-Content-Type-Options"] = "nosniff"
    response["ETag"] = f'"{file.artifact.digest}"'
    return response


@action(lambda request, name, number: Written(reverse("version", args=[name, number])))
def open_for(request: PersonRequest, name: str, number: int) -> HttpResponseBase:
    """Open a release of this version and hand it to the gates."""
    found = _version(request, name, number)
    try:
        release = open_release(
            found,
            environment=request.POST.get("environment", ""),
            strategy={"kind": "single"},
            by=request.user,
        )
    except DomainError as refusal:
        shown = _context(request, name, number) | {"refusal": refusal}
        return render(request, "releases/version/page.html", shown, status=409)
    messages.info(request, f"Release {release.pk} is opened and handed to its gates.")
    return redirect("release", pk=release.pk)


def _version(request: PersonRequest, name: str, number: int) -> ModelVersion:
    return registry_selectors.version(registry_selectors.model(name, request.user), number)


def _context(request: PersonRequest, name: str, number: int) -> dict[str, object]:
    found = _version(request, name, number)
    manifest = found.manifest
    releases = list(selectors.releases_of_version(found))
    condemned = selectors.condemned([found.pk]).get(found.pk, "")
    proven = releases[0] if releases else None
    environment = selectors.environments().first()
    live = selectors.champion(found.model, environment) if environment else None
    base = live.version if live and live.version_id != found.pk else None
    lineage = registry_selectors.lineage(found)
    files = {f.key: f for f in found.files.all()}
    parts = triple(found, lineage, files, _digests(base))
    texts = {key: _text(files[key]) for key in OPENED if key in files}
    return {
        "version": found,
        "model": found.model,
        "manifest": manifest,
        "training": manifest.get("training", {}),
        "built": manifest.get("built", {}),
        "files": list(files.values()),
        "parts": parts,
        "drawing": drawing(parts),
        "inputs": tensors(found, "inputs"),
        "outputs": tensors(found, "outputs"),
        "texts": texts,
        "long_card": is_long(texts.get("card", "")),
        "releases": releases,
        "proven": proven,
        "quality": evidence.quality_of(proven) if proven else None,
        "latency": evidence.latency_of(proven) if proven else {},
        "live": live,
        "base": base,
        "changes": comparing.changes(base, found) if base else [],
        "feedback": selectors.feedback_by_version(found.model, [found.number]).get(found.number),
        **_doors(selectors.refuse_opening(found, access(request.user, None, found.model))),
        "condemned": condemned,
        "findings": (found.inspection or {}).get("findings", []),
        "builders": registry_selectors.builders(found),
        "uploaders": [u.person.get_username() for u in found.uploaders.all()],
    }


def is_long(card: str) -> bool:
    """Whether a card is shown by its beginning at first."""
    return len(card) > LONG_CARD_CHARACTERS or card.count("\n") > LONG_CARD_LINES


def _doors(refused: Mapping[str, str]) -> dict[str, object]:
    """Where a release may be opened, and why not elsewhere: the one reason where nowhere."""
    openable = [name for name, reason in refused.items() if not reason]
    closed = {name: reason for name, reason in refused.items() if reason}
    refusal = "" if openable else next(iter(closed.values()), "There is no environment to release to.")
    return {"openable": openable, "closed": closed, "open_refusal": refusal}


def tensors(version: ModelVersion, side: str) -> list[Tensor]:
    """Inputs or outputs in the graph's order, with the manifest's words for them."""
    told = version.manifest.get("signature", {}).get(side, {})
    found = []
    for spec in version.signature.get(side, []):
        facts = told.get(spec["name"], {})
        features = spec.get("features") or facts.get("features") or ()
        held = TensorSpec.from_json(spec)
        allowed = _taken(held, facts) if side == "inputs" else _given(held, facts)
        found.append(Tensor(spec["name"], spec["datatype"], spec.get("shape", []), facts, features, allowed))
    return found


def _taken(spec: TensorSpec, facts: StoredTensor) -> list[str]:
    """What an input takes, and what becomes of the rest. What is told and not held says so."""
    words = []
    if choices := spec.choices or facts.get("choices"):
        rule = BEYOND.get(spec.choices_rule(), NOT_HELD)
        words.append(f"{', '.join(str(choice) for choice in choices)}; {rule}")
    if ends := spec.range or facts.get("range"):
        words.append(f"{ends[0]:g} to {ends[1]:g}; {BEYOND.get(spec.range_rule(), NOT_HELD)}")
    if spec.datatype in FLOATS:
        gaps = [
            word for word, taken in (("missing values", spec.missing), ("infinities", spec.infinite)) if taken
        ]
        words.append(f"{' and '.join(gaps)} are taken" if gaps else "no missing values")
    return words


def _given(spec: TensorSpec, facts: StoredTensor) -> list[str]:
    """What an output promises."""
    words = []
    if choices := facts.get("choices"):
        words.append(", ".join(str(choice) for choice in choices))
    if ends := facts.get("range"):
        words.append(f"{ends[0]:g} to {ends[1]:g}")
    if spec.datatype in FLOATS:
        words.append("finite numbers only, or an error" if spec.finite else "may be NaN or infinite")
    return words


def triple(
    version: ModelVersion, lineage: Mapping[str, Any], files: Mapping[str, Any], live: Mapping[str, str]
) -> list[Part]:
    """Data, extractor, model: the parts that share the version's number, and what they become."""
    data, extractor = lineage["datasets"].get("training"), lineage["extractor"]
    artifact = extractor.artifact_id if extractor else None
    model_file = files.get("model")
    model_digest = model_file.artifact.digest if model_file else ""
    n = version.number

    def same(key: str, digest: str | None) -> bool | None:
        return None if not live else live.get(key, "") == (digest or "")

    rows = f"{data.rows:,} rows" if data and data.rows else "rows not stated"
    return [
        Part(
            "data",
            f"Training data {n}",
            f"{data.label}, {rows}" if data else "not stated",
            data.sha256 if data else "",
            same("data", data.sha256 if data else ""),
        ),
        Part(
            "extractor",
            f"Extractor {n}",
            "an ONNX graph" if artifact else "the identity",
            artifact or "",
            same("extractor", artifact),
        ),
        Part(
            "model",
            f"Model {n}",
            str(version.manifest.get("training", {}).get("algorithm", "an ONNX graph")),
            model_digest,
            same("model", _model_bytes({key: file.artifact.digest for key, file in files.items()})),
        ),
    ]


def _digests(version: ModelVersion | None) -> dict[str, str]:
    if version is None:
        return {}
    files = {f.key: f.artifact_id for f in version.files.all()}
    data = version.manifest.get("data", {}).get("training", {})
    return {
        "data": data.get("sha256", ""),
        "extractor": files.get("extractor", ""),
        "model": _model_bytes(files),
    }


def _model_bytes(digests: Mapping[str, str]) -> str:
    """What the model consists of: the same only where its graph and all files of weights are."""
    return " ".join(f"{key}:{digests[key]}" for key in sorted(digests) if key == "model" or is_weights(key))


def _text(file: VersionFile) -> str:
    """The beginning of a text file; bytes that are no text are shown as replacement characters."""
    try:
        found = opened(file.name, file.artifact.size, file.artifact.digest)
    except DamagedArtifact as trouble:
        return str(trouble)
    with found.stream as stream:
        text = stream.read(SHOWN_BYTES).decode("utf-8", "replace")
    return text if file.artifact.size <= SHOWN_BYTES else f"{text}\n... cut here: download the whole file."
