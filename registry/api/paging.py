"""Lists by cursor: a page is found by where the last one ended, so it costs the same anywhere."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from registry.api.asking import PersonRequest, Strict
from registry.keyset import Order, keyset

if TYPE_CHECKING:
    from django.db.models import Model

Shape = serializers.Serializer[object]
Shaping = type[Shape] | partial[Any]
"""A shape, or one that is told something besides."""
USUAL, MOST = 50, 200
"""A screen or two for a person with curl; each row of a page has its details read with it."""


class PageQuery(Strict):
    """`page` is a place in the list, as `next` and `previous` name it; `page_size` is at most 200."""

    page = serializers.CharField(required=False)
    page_size = serializers.IntegerField(required=False, min_value=1)


def paged(
    request: PersonRequest, rows: QuerySet[Model], shape: Shaping, *, order: Order, **more: object
) -> Response:
    """One page of `rows` as `{next, previous, results}`, with `more` beside them.

    The query has been checked by a PageQuery. Raises ValidationError for a `page` that is no place in it.
    """
    size = min(int(request.query_params.get("page_size", USUAL)), MOST)
    page = keyset(rows, order, request.query_params.get("page", ""), size)
    if page.misled:
        raise ValidationError({"page": ["This is no place in the list: follow `next` as it was given."]})
    here = request.build_absolute_uri()
    neighbours = {
        way: replace_query_param(here, "page", cursor) if cursor else None
        for way, cursor in (("next", page.next), ("previous", page.previous))
    }
    return Response(neighbours | more | {"results": shape(page.rows, many=True).data})


def page_of(
    shape: type[Shape], **more: serializers.IntegerField | serializers.BooleanField
) -> serializers.Serializer[object]:
    """The OpenAPI shape of such a page."""
    return inline_serializer(
        f"{'Counted' if more else ''}{shape.__name__.removesuffix('Shape')}Page",
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            **more,
            "results": shape(many=True),
        },
    )
