"""Registered models and the facts of their versions."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import policies, selectors
from registry.api.asking import PersonRequest, body
from registry.api.idempotency import idempotent
from registry.api.permissions import LoggedIn
from registry.api.shapes import ModelEdit, ModelShape, VersionShape
from registry.errors import Conflict, NotAllowed
from registry.services import models
from registry.services.downloads import open_file

if TYPE_CHECKING:
    from registry.models import RegisteredModel


class StaleEdit(Conflict):
    """What was edited is not what was read; `If-Match` says so."""

    code = "stale_edit"


class Model(APIView):
    """One registered model."""

    permission_classes = [LoggedIn]
    refusals = {"PATCH": (412,)}

    @extend_schema(operation_id="models_read", responses=ModelShape)
    def get(self, request: PersonRequest, model: str) -> Response:
        """The model; its `ETag` goes into `If-Match` when it is edited."""
        found = selectors.model(model, request.user, request.auth)
        return Response(ModelShape(found).data, headers={"ETag": etag(found)})

    @extend_schema(
        operation_id="models_edit",
        request=ModelEdit,
        responses=ModelShape,
        parameters=[OpenApiParameter("If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER)],
    )
    @idempotent()
    def patch(self, request: PersonRequest, model: str) -> Response:
        """Change the model's words. A wrong `If-Match` is refused with 412."""
        found = selectors.model(model, request.user, request.auth)
        expected = request.headers.get("If-Match")
        if expected not in (None, "*", etag(found)):
            raise StaleEdit("Somebody has changed this model since you read it: read it again.")
        edited = models.describe_model(found, by=request.user, token=request.auth, **body(ModelEdit, request))
        return Response(ModelShape(edited).data, headers={"ETag": etag(edited)})


def etag(model: RegisteredModel) -> str:
    """Changes whenever what an edit can change has changed."""
    text = json.dumps([model.called, model.description, model.task, model.policy], sort_keys=True)
    return f'"{sha256(text.encode()).hexdigest()[:32]}"'


class Version(APIView):
    """One version of a model."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="versions_read", responses=VersionShape)
    def get(self, request: PersonRequest, model: str, number: int) -> Response:
        """All facts of the version: manifest, signature, files with digests, sets, tags, aliases."""
        found = selectors.version(selectors.model(model, request.user, request.auth), number)
        return Response(VersionShape(found).data, headers={"ETag": f'"{found.digest}"'})


class VersionFile(APIView):
    """One file of a version."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="versions_download",
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def get(self, request: PersonRequest, model: str, number: int, key: str) -> FileResponse:
        """The bytes, always as an attachment; the `ETag` is their SHA-256. A token needs the scope `read`."""
        of = selectors.model(model, request.user, request.auth)
        if reason := policies.refuse_download(selectors.access(request.user, request.auth, of)):
            raise NotAllowed(reason)
        file = open_file(selectors.version(of, number), key)
        response = FileResponse(
            file.stream,
            as_attachment=True,
            filename=file.name.rsplit("/", 1)[-1],
            content_type="application/octet-stream",
        )
        response.headers["Content-Length"] = str(file.size)
        response.headers["ETag"] = f'"{file.sha256}"'
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
        return response
