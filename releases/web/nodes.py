"""The nodes page: every scoring node, what it serves and how fast."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponseBase
from django.shortcuts import render

from registry import selectors as registry_selectors
from registry.web.pages import PersonRequest, page
from releases import selectors
from releases.traffic import figures, fleet, spans
from releases.web import drawing

PAGE_SIZE = 20
"""Nodes with all of their models, workers and troubles."""
WORST_FIRST = (
    "late",
    "given_up",
    "failed",
    "unreadable",
    "stale",
    "catching_up",
    "starting",
    "gone",
    "ready",
)


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a list; `next` and `previous` are places in it, or empty."""

    rows: list[fleet.Node]
    next: str
    previous: str


@page
def nodes(request: PersonRequest) -> HttpResponseBase:
    """The whole page, or for htmx the part that refreshes."""
    names = list(selectors.environments())
    chosen = request.GET.get("environment", "")
    shown = [each for each in names if chosen in ("", each.name)]
    visible = frozenset(registry_selectors.visible_models(request.user).values_list("name", flat=True))
    known = fleet.known(shown, visible)
    found = sorted(known.nodes, key=lambda node: (WORST_FIRST.index(node.state), node.name))
    shown_nodes = _cut(found, request.GET.get("cursor", ""))
    context = {
        "nodes": shown_nodes,
        "charts": {
            node.name: drawing.of_node(node.name, str(place), node.observed)
            for place, node in enumerate(shown_nodes.rows)
        },
        "span": spans.USUAL,
        "titles": registry_selectors.titles(model.name for node in shown_nodes.rows for model in node.models),
        "problem": known.problem,
        "total": len(found),
        "well": sum(node.state == "ready" for node in found),
        "rate": sum(node.rate for node in found),
        "figures": figures.together(node.observed.figures for node in found),
        "environments": [each.name for each in names],
        "chosen": chosen,
        "here": request.get_full_path(),
    }
    template = "releases/nodes/nodes.html" if request.htmx else "releases/nodes/page.html"
    return render(request, template, context)


def _cut(found: list[fleet.Node], cursor: str) -> Slice:
    start = int(cursor) if cursor.isdecimal() and len(cursor) < 7 else 0
    after = start + PAGE_SIZE
    return Slice(
        found[start:after],
        str(after) if after < len(found) else "",
        str(max(start - PAGE_SIZE, 0)) if start else "",
    )
