"""Two versions side by side."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render

from registry import selectors as registry_selectors
from registry.web.pages import page
from releases import evidence, selectors
from releases.comparing import versions as comparing


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
        "changes": comparing.changes(base, head),
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


def _measured(version: Any) -> dict[str, Any]:
    release = selectors.releases_of_version(version).first()
    return {
        "version": version,
        "release": release,
        "quality": evidence.quality_of(release) if release else None,
        "latency": evidence.latency_of(release) if release else {},
    }
