"""The list of models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpResponseBase
from django.shortcuts import render

from registry import policies as registry_policies
from registry.selectors import access
from registry.web.pages import PersonRequest, page
from releases import selectors
from releases.selectors import lists
from releases.web.filters import Listed, ModelFilter

if TYPE_CHECKING:
    from registry.models import RegisteredModel
    from releases.models import Release


@dataclass(frozen=True, slots=True)
class Row:
    """One model in the table: what is live of it, and its newest release."""

    model: RegisteredModel
    live: list[Release]
    last: Release | None


@page
def models(request: PersonRequest) -> HttpResponseBase:
    """Models with what is live of each, filtered and ordered by the address's query."""
    form = ModelFilter(request.GET, request.user)
    listed = Listed.of(form, lists.models(request.user, lists.ModelsWanted(**form.read())))
    shown = listed.part.rows
    live, last = selectors.champions(shown), lists.last_releases(shown)
    context = {
        "listed": listed,
        "rows": [Row(model, live.get(model.pk, []), last.get(model.pk)) for model in shown],
        "may_register": not registry_policies.refuse_model_creation(access(request.user)),
    }
    return render(request, "releases/models/page.html", context, status=form.status)
