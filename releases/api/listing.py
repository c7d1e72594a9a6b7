"""The lists of models and of releases, filtered and ordered as on their pages; and a new model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from registry.api.asking import PersonRequest, body, query
from registry.api.catalog import etag
from registry.api.idempotency import idempotent
from registry.api.paging import page_of, paged
from registry.api.permissions import LoggedIn
from registry.api.shapes import ModelShape, NewModel
from registry.services import models
from releases.api.listed import TOTALS, ListedModel, ListQuery, ModelsQuery, ReleasesQuery
from releases.api.shapes import ReleaseLine
from releases.selectors import lists

if TYPE_CHECKING:
    from django.db.models import Model
    from rest_framework.serializers import Serializer

    from registry.keyset import Order


def asked(
    shape: type[ListQuery], request: PersonRequest, orders: lists.Orders
) -> tuple[dict[str, Any], Order]:
    """What the list is narrowed to, and its order."""
    found = query(shape, request)
    order = orders[found.pop("sort")][1] if "sort" in found else lists.usual(orders)
    return {name: value for name, value in found.items() if name not in ("page", "page_size")}, order


def counted(
    request: PersonRequest, rows: QuerySet[Model], shape: type[Serializer[object]], order: Order
) -> Response:
    """One page of the list, and how many rows there are in all."""
    total = lists.count(rows)
    return paged(request, rows, shape, order=order, total=total.number, at_least=total.more)


class Models(APIView):
    """The registered models that the asker may see."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="models_list", parameters=[ModelsQuery], responses=page_of(ListedModel, **TOTALS)
    )
    def get(self, request: PersonRequest) -> Response:
        """By name as people read it, unless `sort` says otherwise."""
        wanted, order = asked(ModelsQuery, request, lists.MODEL_ORDERS)
        found = lists.models(request.user, lists.ModelsWanted(**wanted), request.auth)
        return counted(request, found.defer(None), ListedModel, order)

    @extend_schema(operation_id="models_create", request=NewModel, responses={201: ModelShape})
    @idempotent()
    def post(self, request: PersonRequest) -> Response:
        """Register a model; whoever does becomes its contributor."""
        made = models.create_model(by=request.user, token=request.auth, **body(NewModel, request))
        shown = ModelShape(made).data
        return Response(shown, status=201, headers={"Location": shown["url"], "ETag": etag(made)})


class Releases(APIView):
    """The releases of all models that the asker may see."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="all_releases_list", parameters=[ReleasesQuery], responses=page_of(ReleaseLine, **TOTALS)
    )
    def get(self, request: PersonRequest) -> Response:
        """Newest first, unless `sort` says otherwise."""
        wanted, order = asked(ReleasesQuery, request, lists.RELEASE_ORDERS)
        opened_by = request.user if wanted.pop("mine") else None
        found = lists.releases(
            request.user, lists.ReleasesWanted(**wanted, opened_by=opened_by), request.auth
        )
        return counted(request, found, ReleaseLine, order)
