"""The log as pages: search, the state of the chain, export."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import render

from registry import events, log_words, logbook, policies, selectors
from registry.errors import NotAllowed
from registry.keyset import Order, keyset
from registry.web.exporting import csv_line, download, neutral
from registry.web.pages import PersonRequest, page

if TYPE_CHECKING:
    from registry.models import Event

PAGE_SIZE = 50
"""Lines that are read on a page; each asks for the names in it."""
COLUMNS = ("seq", "at", "kind", "subject", "model", "actor", "facts", "previous", "digest")


class AuditFilter(forms.Form):
    """What the log is searched by. A part of a word is enough where it is one of a list; else a word that
    ends in * matches as a beginning."""

    kind = forms.CharField(
        required=False, label="Kind", widget=forms.TextInput(attrs={"list": "kinds", "placeholder": "review"})
    )
    subject = forms.CharField(
        required=False, label="Subject", widget=forms.TextInput(attrs={"placeholder": "release 12"})
    )
    model = forms.CharField(required=False, label="Model", widget=forms.TextInput(attrs={"list": "models"}))
    actor = forms.CharField(
        required=False,
        label="Who",
        widget=forms.TextInput(attrs={"list": "actors", "placeholder": "a person or a token"}),
    )
    since = forms.DateTimeField(
        required=False, label="From (UTC)", widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    until = forms.DateTimeField(
        required=False, label="Before (UTC)", widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    seq = forms.IntegerField(required=False, label="Number", min_value=1)


def listed(request: PersonRequest) -> dict[str, Any]:
    """What the page shows of the log: events, newest first, filtered by the address's query."""
    form, found = _filtered(request)
    rows = keyset(found, Order("seq", descending=True), request.GET.get("cursor", ""), PAGE_SIZE)
    query = request.GET.copy()
    query.pop("cursor", None)
    return {
        "form": form,
        "page": rows,
        "titles": selectors.titles(event.model for event in rows.rows),
        "whole_log": _may_read_all(request),
        "head": logbook.last_event(),
        "witness": events.witness_standing(),
        "query": query.urlencode(),
        "filtered": any(name in query and query[name] for name in form.fields),
    }


@page
def verify(request: PersonRequest) -> HttpResponseBase:
    """Walk the whole chain now and say what was found; a fragment for htmx, else a page of its own."""
    if not _may_read_all(request):
        raise NotAllowed("Verifying the whole log needs the role auditor or admin on all models.")
    template = "registry/audit/chain.html" if request.htmx else "registry/audit/chain_page.html"
    return render(request, template, {"report": events.verify(), "not_covered": events.NOT_COVERED})


@page
def export(request: PersonRequest) -> HttpResponseBase:
    """The filtered events as CSV (formulas neutralised) or JSON Lines (with the hashed bytes)."""
    _, found = _filtered(request)
    rows = found.order_by("seq").iterator(chunk_size=1000)
    if request.GET.get("format") == "csv":
        return download(csv_lines(rows), "text/csv; charset=utf-8", "events.csv")
    return download(json_lines(rows), "application/x-ndjson", "events.jsonl")


def csv_lines(rows: Iterable[Event]) -> Iterator[str]:
    """The header and one line for each event."""
    yield csv_line(COLUMNS)
    for event in rows:
        facts = json.dumps(event.facts, ensure_ascii=False, sort_keys=True)
        values = (event.seq, event.at.isoformat(), event.kind, event.subject, event.model, event.actor, facts)
        yield csv_line([neutral(value) for value in (*values, event.previous, event.digest)])


def json_lines(rows: Iterable[Event]) -> Iterator[str]:
    """One event a line: `payload` is the text that was hashed, so the chain can be checked elsewhere."""
    for event in rows:
        line = {
            "seq": event.seq,
            "previous": event.previous,
            "digest": event.digest,
            "payload": event.payload,
        }
        yield json.dumps(line, ensure_ascii=False) + "\n"


def _may_read_all(request: PersonRequest) -> bool:
    return not policies.refuse_log(selectors.installation_access(request.user))


def _filtered(request: PersonRequest) -> tuple[AuditFilter, QuerySet[Event]]:
    form = AuditFilter(request.GET)
    form.is_valid()
    wanted: dict[str, Any] = dict(form.cleaned_data)
    seq = wanted.pop("seq", None)
    wanted, parts = log_words.exact(request.user, wanted)
    found = logbook.log(request.user, **{name: value for name, value in wanted.items() if value})
    for column, words in parts.items():
        found = log_words.any_of(found, column, words)
    if seq:
        found = found.filter(seq=seq)
    return form, found
