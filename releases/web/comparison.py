"""Two versions side by side."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render

from registry import selectors as registry_selectors
from registry.web.pages import page
from releases import selectors
from releases.web import comparing, evidence


@page
def compare(request: HttpRequest, name: str) -> HttpResponseBase:
    """`?base=1&head=2`; the base is the live version where none is named."""
    model = registry_selectors.model(name, request.user)
    versions = registry_selectors.versions(model)
    head = _chosen(model, request.GET.get("head"), versions.first())
    base = _chosen(
        model, request.GET.get("base"), _live(model) or versions.exclude(pk=head.pk).first() or head
    )
    context = {
        "model": model,
        "base": base,
        "head": head,
        "versions": registry_selectors.version_lines(model)[:200],
        "changes": comparing.changes(_document(base), _document(head)),
        "sides": [_measured(base), _measured(head)],
    }
    return render(request, "releases/compare.html", context)


def _chosen(model: Any, number: str | None, otherwise: Any) -> Any:
    if number and number.isdigit():
        return registry_selectors.version(model, int(number))
    if otherwise is None:
        raise Http404
    return otherwise


def _live(model: Any) -> Any:
    champions = selectors.champions([model]).get(model.pk, [])
    return champions[0].version if champions else None


def _document(version: Any) -> dict[str, Any]:
    files = {
        f.key: f"{f.artifact_id[:12]} ({f.artifact.size:,} bytes)"
        for f in version.files.select_related("artifact")
    }
    return {"bytes": files, **version.manifest, "tensors": _tensors(version)}


def _tensors(version: Any) -> dict[str, str]:
    told = {}
    for side in ("inputs", "outputs"):
        for spec in version.signature.get(side, []):
            axes = ", ".join("any" if axis == -1 else str(axis) for axis in spec.get("shape", []))
            told[f"{side}.{spec['name']}"] = f"{spec['datatype']} [{axes}]"
    return told


def _measured(version: Any) -> dict[str, Any]:
    release = selectors.releases_of_version(version).first()
    return {
        "version": version,
        "release": release,
        "quality": evidence.quality_of(release) if release else None,
        "latency": evidence.latency_of(release) if release else {},
    }
