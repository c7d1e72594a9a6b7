"""Two versions side by side."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.shortcuts import render

from registry import selectors as registry_selectors
from registry.web.pages import PersonRequest, page
from releases import selectors
from releases.comparing import comparison, versions
from releases.web import answers
from releases.web.choosing import two

SUGGESTED = 50
"""Versions that the field offers before anything is typed."""


@page
def compare(request: PersonRequest, name: str) -> HttpResponseBase:
    """`?base=1&head=2`, each by number, alias or identity; `show=all` shows all facts."""
    base, head = two(request, name)
    found = comparison.compare(base, head)
    everything = request.GET.get("show") == "all"
    environment = selectors.environments().first()
    first = selectors.first_live(head.model, environment) if environment else None
    context = {
        "model": head.model,
        "base": base,
        "head": head,
        "found": found,
        "base_name": f"version {base.number}",
        "head_name": f"version {head.number}",
        "answers": answers.shown(base, head, found.answers),
        "suggested": registry_selectors.version_lines(head.model)[:SUGGESTED],
        "first": first if first and first.pk not in (base.pk, head.pk) else None,
        "everything": everything,
        "changes": versions.changes(base, head, same_too=True) if everything else found.changes,
    }
    return render(request, "releases/comparison/page.html", context)
