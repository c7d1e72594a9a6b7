"""Two versions of a model side by side."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import policies, selectors
from registry.api.asking import query
from registry.api.permissions import LoggedIn
from registry.errors import BadInput, NotAllowed
from releases.api.compared import ComparisonShape, RowsQuery, RowsShape, rows
from releases.comparing import comparison, kept
from releases.comparing.rows import Cursor, Only, Order


class Comparison(APIView):
    """One version beside another."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="versions_compare", responses=ComparisonShape)
    def get(self, request: Request, model: str, number: int, base: int) -> Response:
        """Version `number` held against version `base`: a verdict, the metric with the paired difference,
        benchmarks, slices, the signature, how many answers differ, and every fact that does. It is what the
        comparison page shows."""
        before, after = _two(request, model, number, base)
        return Response(ComparisonShape(comparison.compare(before, after)).data)


class Answers(APIView):
    """The rows that two versions answer differently."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="versions_compare_rows", parameters=[RowsQuery], responses=RowsShape)
    def get(self, request: Request, model: str, number: int, base: int) -> Response:
        """Rows of the confidence set with inputs, both answers and the truth, as far as proofs kept them.
        `only` narrows them to those that one version alone gets right; `order` sorts them by the size of the
        change or by row. `how` says how rows were matched, `why_not` why there are none to show."""
        asked = query(RowsQuery, request)
        of = selectors.model(model, request.user, request.auth)
        if reason := policies.refuse_download(selectors.access(request.user, request.auth, of)):
            raise NotAllowed(reason)  # these are rows of a held-out set
        after = Cursor.parse(asked["after"]) if asked["after"] else None
        if asked["after"] and after is None:
            raise BadInput("That is no `next` of a page of rows.", field="after")
        told = kept.tell(
            *_two(request, model, number, base),
            only=Only(asked["only"]),
            order=Order(asked["order"]),
            after=after,
            most=asked["page_size"],
        )
        return Response(RowsShape(rows(told)).data)


def _two(request: Request, model: str, number: int, base: int) -> tuple[Any, Any]:
    of = selectors.model(model, request.user, request.auth)
    return selectors.version(of, base), selectors.version(of, number)
