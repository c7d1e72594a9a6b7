"""Two versions of a model side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import policies, selectors
from registry.api.asking import PersonRequest, query
from registry.api.permissions import LoggedIn
from registry.errors import BadInput, NotAllowed, NotFound
from registry.web.exporting import download
from releases.api.compared import ComparisonShape, EveryRowQuery, RowsQuery, RowsShape, rows
from releases.comparing import comparison, kept, telling
from releases.comparing.rows import Cursor, Only, Order, each

if TYPE_CHECKING:
    from registry.models import ModelVersion


class Comparison(APIView):
    """One version beside another."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="versions_compare", responses=ComparisonShape)
    def get(self, request: PersonRequest, model: str, number: int, base: int) -> Response:
        """Version `number` held against version `base`: a verdict, the metric with the paired difference,
        benchmarks, slices, the signature, how many answers differ, and every fact that does. It is what the
        comparison page shows."""
        before, after = _two(request, model, number, base)
        return Response(ComparisonShape(comparison.compare(before, after)).data)


class Answers(APIView):
    """The rows that two versions answer differently."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="versions_compare_rows", parameters=[RowsQuery], responses=RowsShape)
    def get(self, request: PersonRequest, model: str, number: int, base: int) -> Response:
        """Rows of the confidence set with inputs, both answers and the truth, as far as proofs kept them.
        `only` narrows them to those that one version alone gets right; `order` sorts them by the size of the
        change or by row. `how` says how rows were matched, `why_not` why there are none to show."""
        asked = query(RowsQuery, request)
        before, after = _readable(request, model, number, base)
        at = Cursor.parse(asked["page"]) if "page" in asked else None
        if "page" in asked and at is None:
            raise BadInput("That is no `next` or `previous` of a page of rows.", field="page")
        told = kept.tell(
            before,
            after,
            only=Only(asked["only"]),
            order=Order(asked["order"]),
            at=at,
            most=asked["page_size"],
        )
        return Response(RowsShape(rows(told)).data)


class Lines(JSONRenderer):
    """What is streamed line by line; only a refusal comes through here."""

    media_type = "application/x-ndjson"
    format = "ndjson"


class EveryAnswer(APIView):
    """All rows that two versions answer differently, as one file."""

    permission_classes = [LoggedIn]
    renderer_classes = [JSONRenderer, Lines]

    @extend_schema(
        operation_id="versions_compare_download",
        parameters=[EveryRowQuery],
        responses={(200, Lines.media_type): OpenApiTypes.STR},
    )
    def get(self, request: PersonRequest, model: str, number: int, base: int) -> StreamingHttpResponse:
        """The same rows in the same order as page by page, each a line of JSON, as they are read. 404 with
        the reason where no answers of both are kept."""
        asked = query(EveryRowQuery, request)
        before, after = _readable(request, model, number, base)
        found = kept.pair(before, after)
        if found.pair is None:
            raise NotFound(found.why_not)
        lines = telling.json_lines(each(found.pair, Only(asked["only"]), Order(asked["order"])))
        return download(lines, Lines.media_type, f"{model}-{base}-{number}-answers.ndjson")


def _readable(
    request: PersonRequest, model: str, number: int, base: int
) -> tuple[ModelVersion, ModelVersion]:
    """Both versions, for who may read the rows of a held-out set."""
    of = selectors.model(model, request.user, request.auth)
    if reason := policies.refuse_download(selectors.access(request.user, request.auth, of)):
        raise NotAllowed(reason)
    return _two(request, model, number, base)


def _two(request: PersonRequest, model: str, number: int, base: int) -> tuple[ModelVersion, ModelVersion]:
    of = selectors.model(model, request.user, request.auth)
    return selectors.version(of, base), selectors.version(of, number)
