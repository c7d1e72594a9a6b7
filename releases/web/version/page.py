"""One version: its facts, its locked triple, its files, its card, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from registry import selectors as registry_selectors
from registry.errors import DomainError
from registry.selectors import access
from registry.services.downloads import opened
from registry.web.drafts import Written
from registry.web.pages import PersonRequest, action, page
from releases import selectors
from releases.services.opening import open_release
from releases.web.version import values
from releases.web.version.tensors import tensors

if TYPE_CHECKING:
    from registry.models import ModelVersion


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
    releases = list(selectors.releases_of_version(found))
    files = {file.key: file for file in found.files.all()}
    held = values.against(found)
    return {
        "version": found,
        "model": found.model,
        "files": list(files.values()),
        "releases": releases,
        "condemned": selectors.condemned([found.pk]).get(found.pk, ""),
        "feedback": selectors.feedback_by_version(found.model, [found.number]).get(found.number),
        "triple": values.locked(found, files, held.base),
        "inputs": tensors(found, "inputs"),
        "outputs": tensors(found, "outputs"),
        "origin": values.origin(found),
        "proof": values.proof(releases[0] if releases else None),
        "texts": values.texts(files),
        "against": held,
        "doors": values.doors(selectors.refuse_opening(found, access(request.user, None, found.model))),
    }
