"""The list of models."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.shortcuts import render

from registry import policies as registry_policies
from registry.keyset import keyset
from registry.selectors import access
from registry.web.pages import PersonRequest, page
from releases import selectors
from releases.selectors import lists
from releases.web.filters import ModelFilter

PAGE_SIZE = 25


@page
def models(request: PersonRequest) -> HttpResponseBase:
    """Models with what is live of each, filtered and ordered by the address's query."""
    form = ModelFilter(request.GET, request.user)
    found = lists.models(request.user, lists.ModelsWanted(**form.read()))
    rows = keyset(found, form.order, request.GET.get("cursor", ""), PAGE_SIZE)
    live, last = selectors.champions(rows.rows), lists.last_releases(rows.rows)
    context = {
        "form": form,
        "page": rows,
        "total": lists.count(found),
        "rows": [(model, live.get(model.pk, []), last.get(model.pk)) for model in rows.rows],
        "may_register": not registry_policies.refuse_model_creation(access(request.user)),
    }
    return render(request, "releases/models/page.html", context, status=form.status)
