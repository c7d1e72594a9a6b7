"""The rows on which two versions answer differently, as a page, a table in another page, and a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from registry.charts.numbers import figure
from registry.errors import NotFound
from registry.web.exporting import csv_line, download, neutral
from registry.web.pages import PersonRequest, page
from releases.comparing import kept, telling
from releases.comparing.rows import Cursor, Only, Order, Page, Row
from releases.comparing.rows import each as each_row
from releases.web.choosing import two

if TYPE_CHECKING:
    from registry.manifest.stored import StoredSpec
    from registry.models import ModelVersion

PAGE_SIZE = 50
"""Rows with inputs and both answers, which are wide."""
FORMS = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
ORDERS = {
    Order.LARGEST: "largest change first",
    Order.SMALLEST: "smallest change first",
    Order.ROW: "in the order of the set",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One row with its inputs by the names of their features, where they have some."""

    row: Row
    first: Sequence[tuple[str, str]]
    rest: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to look at the rows: its words, its address, and whether it is the one that is shown."""

    label: str
    address: str
    current: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """What a page needs to show rows of two versions; `page` is None where `why_not` says why."""

    base: int
    head: int
    how: str
    why_not: str
    page: Page | None = None
    rows: Sequence[Shown] = ()
    address: str = ""
    release: int | None = None

    def to(self, only: Only) -> str:
        """Where all rows of one kind are listed."""
        return f"{self.address}&only={only}"

    @property
    def counts(self) -> Mapping[str, int]:
        return {str(kind): count for kind, count in self.page.counts.items()} if self.page else {}

    @property
    def head_right(self) -> str:
        return self.to(Only.HEAD_RIGHT)

    @property
    def base_right(self) -> str:
        return self.to(Only.BASE_RIGHT)


@page
def rows(request: PersonRequest, name: str) -> HttpResponseBase:
    """`?base=2&head=3`, `only` and `order`; `cursor` is where the page beside it ended."""
    base, head, release = _asked(request, name)
    only, order = _one_of(Only, request.GET.get("only")), _one_of(Order, request.GET.get("order"))
    at = Cursor.parse(request.GET.get("cursor", ""))
    told = kept.tell(base, head, release=release, only=only, order=order, at=at, most=PAGE_SIZE)
    found = shown(base, head, told, release)
    context = {
        "model": head.model,
        "base": base,
        "head": head,
        "answers": found,
        "only": _kinds(found, base, head, only, order),
        "orders": [
            Choice(words, f"{found.to(only)}&order={each}", each is order) for each, words in ORDERS.items()
        ],
        "page": _neighbours(found.page),
        "files": {
            form: f"{found.to(only)}&order={order}".replace("/rows?", f"/rows.{form}?", 1) for form in FORMS
        },
    }
    return render(request, "releases/answers/page.html", context)


@page
def file(request: PersonRequest, name: str, form: str) -> HttpResponseBase:
    """All rows of one kind in the order that is shown, as CSV or NDJSON."""
    if form not in FORMS:
        raise Http404
    base, head, release = _asked(request, name)
    found = kept.pair(base, head, release)
    if found.pair is None:
        raise NotFound(found.why_not)
    only, order = _one_of(Only, request.GET.get("only")), _one_of(Order, request.GET.get("order"))
    differing = each_row(found.pair, only, order)
    lines: Iterator[str] = telling.json_lines(differing)
    if form == "csv":
        lines = map(csv_line, telling.csv_rows(differing, neutral))
    return download(lines, FORMS[form], f"{name}-{base.number}-{head.number}-answers.{form}")


def shown(base: ModelVersion, head: ModelVersion, told: kept.Told, release: int | None = None) -> Answers:
    """Rows of two versions as a page shows them, or the sentence on why there are none."""
    query = {"base": base.number, "head": head.number, **({"release": release} if release else {})}
    address = f"{reverse('answers', args=[head.model.name])}?{urlencode(query)}"
    listed = [_shown(row, head.signature) for row in told.page.rows] if told.page else []
    return Answers(base.number, head.number, told.how, told.why_not, told.page, listed, address, release)


def _neighbours(of: Page | None) -> dict[str, str]:
    """The cursors of the pages beside this one, as a pager links to them."""
    both = {"next": of.next, "previous": of.previous} if of else {}
    return {way: str(cursor) for way, cursor in both.items() if cursor}


def _asked(request: PersonRequest, name: str) -> tuple[ModelVersion, ModelVersion, int | None]:
    base, head = two(request, name)
    release = request.GET.get("release", "")
    return base, head, int(release) if release.isdecimal() and len(release) < 19 else None


def _one_of(kind: Any, text: str | None) -> Any:
    return kind(text) if text in set(kind) else next(iter(kind))


def _kinds(found: Answers, base: ModelVersion, head: ModelVersion, only: Only, order: Order) -> list[Choice]:
    if found.page is None:
        return []
    labels = {Only.CHANGED: "Answered differently"}
    if found.page.judged:
        labels[Only.HEAD_RIGHT] = f"Only version {head.number} right"
        labels[Only.BASE_RIGHT] = f"Only version {base.number} right"
    return [
        Choice(
            f"{words} ({figure(found.page.counts[kind])})", f"{found.to(kind)}&order={order}", kind is only
        )
        for kind, words in labels.items()
    ]


def _shown(row: Row, signature: Mapping[str, Sequence[StoredSpec]]) -> Shown:
    pairs: list[tuple[str, str]] = []
    features = {spec["name"]: spec.get("features") or () for spec in signature.get("inputs", ())}
    for name, values in row.inputs.items():
        names = features.get(name) or ()
        if len(names) >= len(values) > 1:
            pairs += zip(names, map(figure, values), strict=False)
        else:
            pairs.append((name, ", ".join(map(figure, values[:8])) + (", …" if len(values) > 8 else "")))
    return Shown(row, pairs[:4], pairs[4:])
