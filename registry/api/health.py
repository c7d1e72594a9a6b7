"""Whether the control plane lives, is ready, and how much work waits."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import logbook, notices, places, sandbox, selectors
from registry.api.permissions import Anybody, LoggedIn


class Live(APIView):
    """`/healthz`: the process answers. The web server does so itself, before anybody's turn (`hybrid`)."""

    permission_classes = [Anybody]
    authentication_classes = []
    probe = "lives"

    @extend_schema(operation_id="healthz", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Asks nobody else, so that a lost database does not restart web processes."""
        return Response({"live": True})


class Ready(APIView):
    """`/readyz`: requests can be answered."""

    permission_classes = [Anybody]
    authentication_classes = []
    probe = "ready"

    @extend_schema(operation_id="readyz", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """503 while the database does not answer, or a disk is full or takes no writes: see `problems`.

        `warnings` names disks that have little room left; that alone keeps nobody from being ready.
        """
        problems, warned = places.troubles(), places.warnings()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            answers = True
        except DatabaseError:
            answers = False
            problems.insert(0, "The database does not answer.")
        told = {"ready": not problems, "database": answers, "problems": problems, "warnings": warned}
        if problems:
            return Response(told, status=503, headers={"Retry-After": "5" if answers else "1"})
        return Response(told)


class Metrics(APIView):
    """`/metrics` of the control plane; scoring has its own."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="metrics", responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """Jobs that are not done, and whether models can be held here, in Prometheus' text format.

        O(jobs that are not done, mails of a day): as many queries and bytes however many models there are.
        """
        lines = ["# HELP assay_jobs Jobs that are not done.", "# TYPE assay_jobs gauge"]
        for queue, states in sorted(selectors.queue_lengths().items()):
            lines += [f'assay_jobs{{queue="{queue}",state="{s}"}} {n}' for s, n in sorted(states.items())]
        last = logbook.last_event()
        lines += ["# HELP assay_events_total Lines of the event log.", "# TYPE assay_events_total counter"]
        lines += [f"assay_events_total {last.seq if last else 0}"]
        stands = notices.post()
        lines += ["# HELP assay_mails Mails that wait, fail, were given up since yesterday, or nobody tries."]
        lines += ["# TYPE assay_mails gauge"]
        for word in ("waiting", "failing", "given_up", "late"):
            lines += [f'assay_mails{{state="{word}"}} {getattr(stands, word)}']
        found = sandbox.level()
        lines += ["# HELP assay_sandbox_isolated Whether a cell on this machine lets nothing out."]
        lines += ["# TYPE assay_sandbox_isolated gauge"]
        lines += [f'assay_sandbox_isolated{{level="{found.name}"}} {int(found.isolated)}']
        lines += [
            "# HELP assay_disk_free_bytes Room for a place that is written to; 0 where it takes no writes."
        ]
        lines += ["# TYPE assay_disk_free_bytes gauge"]
        for each in places.places():
            free = each.free_bytes if each.writable else 0
            lines += [f'assay_disk_free_bytes{{place="{each.name}"}} {free}']
        lines += [""]
        return HttpResponse("\n".join(lines), content_type="text/plain; version=0.0.4; charset=utf-8")
