"""The fields in which the catalogue of metrics is written: a group for each, and an empty one for another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any, get_args

from django import forms

from registry.catalogue import CataloguedMetric, Direction, MetricAction, MetricKind
from releases.web.policy_words import METRIC_TOLD, exactly, number

if TYPE_CHECKING:
    from django.http import QueryDict

_FLAGS = {"yes": True, "no": False}
_CHOSEN = {
    "kind": get_args(MetricKind),
    "direction": get_args(Direction),
    "action": get_args(MetricAction),
    "relative": tuple(_FLAGS),
}
MEMBERS = tuple(METRIC_TOLD)


def fields(metrics: Mapping[str, CataloguedMetric], data: QueryDict | None) -> dict[str, forms.Field]:
    """As they stand, and one group more; as many as were sent, where any were."""
    stand = [*metrics.items(), ("", CataloguedMetric())]
    groups = len(stand)
    if data is not None:
        groups = len(list(takewhile(lambda n: f"metric_{n}_name" in data, count())))
    found: dict[str, forms.Field] = {}
    for n in range(groups):
        name, metric = stand[n] if n < len(stand) else stand[-1]
        found[f"metric_{n}_name"] = forms.CharField(label="Name", required=False, initial=name)
        for member in MEMBERS:
            found[f"metric_{n}_{member}"] = _field(member, getattr(metric, member))
    return found


def groups(form: forms.Form) -> Iterator[list[tuple[Any, str]]]:
    """The fields of each metric, with what the API calls them."""
    for n in _places(form):
        yield [(form[f"metric_{n}_{member}"], member) for member in ("name", *MEMBERS)]


def document(form: forms.Form) -> dict[str, dict[str, Any]]:
    """The catalogue as it was written; a metric without a name is none."""
    return {name: _said(form, n) for n, name in named(form) if name}


def named(form: forms.Form) -> Iterator[tuple[int, str]]:
    """The name in each group, and its place."""
    for n in _places(form):
        yield n, form.cleaned_data.get(f"metric_{n}_name", "")


def field_of(form: forms.Form, place: str) -> str | None:
    """Which field a refusal is about: `policy.metrics.bought.low`."""
    section, _, dotted = place.partition("policy.metrics")
    if section or not dotted:
        return "metric_0_name" if place == "policy.metrics" and "metric_0_name" in form.fields else None
    name, _, member = dotted.removeprefix(".").partition(".")
    return next((f"metric_{n}_{member or 'name'}" for n, each in named(form) if each == name), None)


def _places(form: forms.Form) -> Iterator[int]:
    return takewhile(lambda n: f"metric_{n}_name" in form.fields, count())


def _said(form: forms.Form, n: int) -> dict[str, Any]:
    told = {member: form.cleaned_data.get(f"metric_{n}_{member}", "") for member in MEMBERS}
    return {member: _read(member, text) for member, text in told.items() if text}


def _read(member: str, text: str) -> Any:
    if member in _CHOSEN:
        return _FLAGS.get(text, text)
    return number(text)


def _field(member: str, value: Any) -> forms.Field:
    label = METRIC_TOLD[member][0]
    if member in _CHOSEN:
        words = [("", "As usual"), *((word, word.replace("_", " ").capitalize()) for word in _CHOSEN[member])]
        initial = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value or ""
        return forms.ChoiceField(label=label, choices=words, required=False, initial=initial)
    widget = forms.NumberInput(attrs={"step": "any"})
    shown = "" if value is None else exactly(value)
    return forms.CharField(label=label, required=False, initial=shown, widget=widget)
