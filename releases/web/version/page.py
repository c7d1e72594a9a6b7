"""One version: its facts, its locked triple, its files, its card, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from registry import model_policy
from registry import selectors as registry_selectors
from registry.errors import BadInput, DomainError
from registry.selectors import access
from registry.services.downloads import opened
from registry.web import drafts
from registry.web.drafts import Written
from registry.web.pages import PersonRequest, action, page
from releases import selectors
from releases.rollout import earlier
from releases.services.opening import open_release
from releases.web.version import opening, values
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


def _opened(request: PersonRequest, name: str, number: int) -> Written:
    said = {field: request.POST.get(field, "") for field in opening.FIELDS}
    said[opening.AGAINST] = ",".join(request.POST.getlist(opening.AGAINST))
    return Written(reverse("version", args=[name, number]), said)


@action(_opened)
def open_for(request: PersonRequest, name: str, number: int) -> HttpResponseBase:
    """Open a release of this version and hand it to the gates."""
    found, said = _version(request, name, number), _opened(request, name, number).words
    try:
        release = open_release(
            found, environment=said["environment"], strategy=opening.strategy(said), by=request.user
        )
    except DomainError as refusal:
        shown = _context(request, name, number, said, refusal) | {"refusal": refusal}
        status = 422 if isinstance(refusal, BadInput) else 409
        return render(request, "releases/version/page.html", shown, status=status)
    messages.info(request, f"Release {release.pk} is opened and handed to its gates.")
    return redirect("release", pk=release.pk)


def _version(request: PersonRequest, name: str, number: int) -> ModelVersion:
    return registry_selectors.version(registry_selectors.model(name, request.user), number)


def _context(
    request: PersonRequest,
    name: str,
    number: int,
    said: dict[str, str] | None = None,
    refusal: DomainError | None = None,
) -> dict[str, object]:
    """`said` is what was filled in to open a release, and `refusal` why none was opened."""
    if said is None:
        said = drafts.take(request, reverse("version", args=[name, number]))
    found = _version(request, name, number)
    releases = list(selectors.releases_of_version(found))
    files = {file.key: file for file in found.files.all()}
    held = values.against(found)
    wrong = refusal if isinstance(refusal, BadInput) else None
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
        "opening": opening.opening(
            number,
            held.live.version.number if held.live else None,
            model_policy.parse(found.model.policy),
            said,
            wrong,
            earlier.past(held.live, timezone.now()) if held.live else None,
            selectors.approved_beside(found),
        ),
        "doors": values.doors(selectors.refuse_opening(found, access(request.user, None, found.model))),
    }
