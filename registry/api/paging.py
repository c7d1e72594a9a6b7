"""Lists by cursor: a page is found by where the last one ended, so it costs the same anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response


class Cursor(CursorPagination):
    """`page` is the opaque cursor of `next` and `previous`; `page_size` is at most 200."""

    cursor_query_param = "page"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


def paged(
    request: Request, rows: QuerySet[Any, Any], shape: type[Any], *, order: str, view: Any = None
) -> Response:
    """One page of `rows` as `{next, previous, results}`, ordered by one unique column."""
    cursor = Cursor()
    cursor.ordering = order
    page: Sequence[Any] = cursor.paginate_queryset(rows, request, view=view) or []
    return cursor.get_paginated_response(shape(page, many=True).data)


def page_of(shape: type[Any]) -> Any:
    """The OpenAPI shape of such a page."""
    return inline_serializer(
        f"{shape.__name__.removesuffix('Shape')}Page",
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": shape(many=True),
        },
    )
