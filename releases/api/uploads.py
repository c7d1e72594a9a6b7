"""Versions of a model: listed, and uploaded as one multipart call."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import selectors
from registry.api.asking import PersonRequest
from registry.api.authentication import BearerToken, HeaderSession
from registry.api.idempotency import idempotent
from registry.api.paging import page_of
from registry.api.permissions import LoggedIn
from registry.api.shapes import VersionLine
from registry.manifest import FILE_KEYS
from registry.services import uploads
from releases.api.listed import TOTALS, ListedVersion, VersionsQuery
from releases.api.listing import asked, counted
from releases.api.shapes import ReleaseLine, UploadedShape
from releases.api.spooling import SpoolFolder, SpoolingParser, upload_of
from releases.selectors import lists
from releases.services import intake

_BINARY = {"type": "string", "format": "binary"}
_PARTS = {
    "type": "object",
    "required": ["manifest"],
    "properties": dict.fromkeys(("manifest", *FILE_KEYS, "weights"), _BINARY),
    "additionalProperties": _BINARY,
}


class Versions(SpoolFolder, APIView):
    """The versions of one model."""

    permission_classes = [LoggedIn]
    authentication_classes = [BearerToken, HeaderSession]
    parser_classes = [SpoolingParser]
    refusals = {"POST": (503, 507)}
    inspects = True

    def initial(self, request: PersonRequest, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Refuse who may not upload before a byte of the body is read."""
        super().initial(request, *args, **kwargs)
        self.model = selectors.model(kwargs["model"], request.user, request.auth)
        if request.method == "POST":
            uploads.check_upload(self.model, by=request.user, token=request.auth)

    @extend_schema(
        operation_id="versions_list", parameters=[VersionsQuery], responses=page_of(ListedVersion, **TOTALS)
    )
    def get(self, request: PersonRequest, model: str) -> Response:
        """Newest first, unless `sort` says otherwise."""
        wanted, order = asked(VersionsQuery, request, lists.VERSION_ORDERS)
        found = lists.versions(self.model, lists.VersionsWanted(**wanted, falling=order.descending))
        return counted(request, found, ListedVersion, order)

    @extend_schema(
        operation_id="versions_create",
        request={"multipart/form-data": _PARTS},
        responses={201: UploadedShape, 200: UploadedShape},
    )
    @idempotent(reserved=True)
    def post(self, request: PersonRequest, model: str) -> Response:
        """Part `manifest` (model.yaml or JSON) and one part per file, named by its key under `files`;
        files of weights beside the graph are `weights`, `weights_2` and so on.

        201 with the new version, and with the release that the manifest wishes for; the same
        version again is 200 and changes nothing.
        """
        upload = upload_of(request)
        version, release, created = intake.take_upload(
            self.model, upload.manifest(), upload.spooled, by=request.user, token=request.auth
        )
        url = VersionLine(version).data["url"]
        answer = {
            "number": version.number,
            "digest": version.digest,
            "url": url,
            "release": None if release is None else ReleaseLine(release).data,
            "unchanged": not created,
        }
        return Response(answer, status=201 if created else 200, headers={"Location": url})
