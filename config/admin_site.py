"""The admin is the auditors' reading room: their role opens it, and the log-in is the product's own."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse

from registry import policies, selectors


class HistorySite(AdminSite):
    """Open to auditors and admins, each for their models; everything in it is read-only."""

    site_header = site_title = "Assay history"
    index_title = "Everything that is kept, to look at"

    def has_permission(self, request: HttpRequest) -> bool:
        return not policies.refuse_history(selectors.access(request.user))

    def login(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        """No second door: the product's log-in is throttled and asks for the password again."""
        return redirect_to_login(request.GET.get("next", "/admin/"))
