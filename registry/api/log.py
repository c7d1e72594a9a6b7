"""The event log over REST: read, verified, and its head."""

from __future__ import annotations

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import events, logbook, policies, selectors
from registry.api.asking import PersonRequest, query
from registry.api.paging import page_of, paged
from registry.api.permissions import LoggedIn
from registry.api.shapes import EventQuery, EventShape, HeadShape, ReportShape
from registry.errors import NotAllowed
from registry.keyset import Order
from registry.ledger import GENESIS

NO_EVENT = {"seq": 0, "digest": GENESIS, "at": None}


class Events(APIView):
    """The log, oldest first."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="events_list", parameters=[EventQuery], responses=page_of(EventShape))
    def get(self, request: PersonRequest) -> Response:
        """Who audits all models reads all of it, everybody else the events of their models; a token those
        of its models, with the scope `audit-read`."""
        asked = query(EventQuery, request)
        filters = {name: asked[name] for name in ("subject", "kind", "actor", "model", "after")}
        found = logbook.log(request.user, request.auth, **filters)
        return paged(request, found, EventShape, order=Order("seq"))


class Verification(APIView):
    """Whether the chain of the log holds."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="events_verify", responses=ReportShape)
    def get(self, request: PersonRequest) -> Response:
        """Reads the whole log and its witness, and names the first line that is not what it should be."""
        if reason := policies.refuse_log(selectors.installation_access(request.user, request.auth)):
            raise NotAllowed(reason)
        report = events.verify()
        told = asdict(report) | {"intact": report.intact, "not_covered": events.NOT_COVERED}
        return Response(ReportShape(told | {"witness": events.witness_standing()}).data)


class Head(APIView):
    """The last line of the log."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="events_head", responses=HeadShape)
    def get(self, request: PersonRequest) -> Response:
        """Keep it somewhere else: a later log that does not contain it has been rewritten."""
        last = logbook.last_event()
        said = {"seq": last.seq, "digest": last.digest, "at": last.at} if last else NO_EVENT
        return Response(HeadShape(said | {"witness": events.witness_standing()}).data)
