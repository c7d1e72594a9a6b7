"""The event log over REST: read, verified, and its head."""

from __future__ import annotations

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import events, policies, selectors
from registry.api.asking import query
from registry.api.paging import page_of, paged
from registry.api.permissions import LoggedIn
from registry.api.shapes import EventQuery, EventShape, HeadShape, ReportShape
from registry.errors import NotAllowed
from registry.ledger import GENESIS


class Events(APIView):
    """The log, oldest first."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="events_list", parameters=[EventQuery], responses=page_of(EventShape))
    def get(self, request: Request) -> Response:
        """Auditors read all of it, other people the events of their models."""
        asked = query(EventQuery, request)
        filters = {name: asked[name] for name in ("subject", "kind", "actor", "model", "after")}
        found = selectors.events(**filters)
        if reason := policies.refuse_log(selectors.access(request.user, request.auth)):
            if request.auth is not None:
                raise NotAllowed(reason)
            found = selectors.visible_events(found, request.user)
        return paged(request, found, EventShape, order="seq", view=self)


class Verification(APIView):
    """Whether the chain of the log holds."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="events_verify", responses=ReportShape)
    def get(self, request: Request) -> Response:
        """Reads the whole log and its witness, and names the first line that is not what it should be."""
        if reason := policies.refuse_log(selectors.access(request.user, request.auth)):
            raise NotAllowed(reason)
        report = events.verify()
        return Response(asdict(report) | {"intact": report.intact})


class Head(APIView):
    """The last line of the log."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="events_head", responses=HeadShape)
    def get(self, request: Request) -> Response:
        """Keep it somewhere else: a later log that does not contain it has been rewritten."""
        last = selectors.events().last()
        if last is None:
            return Response({"seq": 0, "digest": GENESIS, "at": None})
        return Response(HeadShape(last).data)
