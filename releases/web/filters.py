"""What the lists are filtered and ordered by, as forms over the address's query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms

from registry.keyset import Page, keyset
from releases import selectors
from releases.selectors import lists

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import QueryDict

    from registry.models import Person, RegisteredModel

ANY = ("", "any")
PAGE_SIZE = 25
"""Rows that are seen without losing one's place; each has several lines."""


def _choices(values: Iterable[str]) -> list[tuple[str, str]]:
    return [ANY, *((value, value) for value in values)]


def _states(of: Mapping[str, str]) -> list[tuple[str, str]]:
    return [ANY, *of.items()]


class ListFilter(forms.Form):
    """The fields of a list; `orders` are the values that `sort` may have."""

    orders: lists.Orders

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.order = lists.usual(self.orders)
        choices = [(value, words) for value, (words, _) in self.orders.items()]
        self.fields["sort"] = forms.ChoiceField(required=False, label="Order", choices=choices)

    def read(self) -> dict[str, Any]:
        """What is asked for, without what cannot be, which the form tells."""
        self.is_valid()
        found = {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}
        sort = found.pop("sort", "")
        if sort:
            self.order = self.orders[sort][1]
        return found

    @property
    def sort(self) -> str:
        """The order in force, as the address says it."""
        return next((value for value, (_, order) in self.orders.items() if order == self.order), "")

    @property
    def narrows(self) -> bool:
        """Whether the list is less than all there is."""
        return any(self.data.get(name, "").strip() for name in self.fields if name != "sort")

    @property
    def status(self) -> int:
        """The answer's: a wish that cannot be is told beside its field."""
        return 422 if self.errors else 200


class ModelFilter(ListFilter):
    """Of the list of models."""

    orders = lists.MODEL_ORDERS

    search = forms.CharField(required=False, label="Words", max_length=200)
    state = forms.ChoiceField(required=False, label="State", choices=_states(lists.MODEL_STATES))
    owner = forms.ChoiceField(required=False, label="Registered by")
    task = forms.ChoiceField(required=False, label="Task")
    tag = forms.CharField(
        required=False,
        label="Tag",
        max_length=500,
        widget=forms.TextInput(attrs={"placeholder": "team=vision"}),
    )

    def __init__(self, data: QueryDict, asker: Person) -> None:
        super().__init__(data)
        for name, found in (("owner", lists.owners(asker)), ("task", lists.tasks(asker))):
            self.fields[name].choices = _choices(found)  # type: ignore[attr-defined]


class VersionFilter(ListFilter):
    """Of the versions of one model."""

    orders = lists.VERSION_ORDERS

    state = forms.ChoiceField(required=False, label="State", choices=_states(lists.VERSION_STATES))
    author = forms.ChoiceField(required=False, label="Uploaded by")
    metric_from = forms.FloatField(required=False, label="Metric from")
    metric_to = forms.FloatField(required=False, label="Metric to")

    def __init__(self, data: QueryDict, model: RegisteredModel) -> None:
        super().__init__(data)
        self.fields["author"].choices = _choices(lists.authors(model))  # type: ignore[attr-defined]
        for name in ("metric_from", "metric_to"):
            self.fields[name].widget.attrs["step"] = "any"


class ReleaseFilter(ListFilter):
    """Of all releases."""

    orders = lists.RELEASE_ORDERS

    state = forms.ChoiceField(required=False, label="State", choices=_states(lists.RELEASE_STATES))
    model = forms.CharField(required=False, label="Model", max_length=255)
    environment = forms.ChoiceField(required=False, label="Environment")
    mine = forms.BooleanField(required=False, label="Only those that I opened")

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        names = selectors.environments().values_list("name", flat=True)
        self.fields["environment"].choices = _choices(names)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as its page shows it: by which form it is filtered, a part of it, and how long the whole is."""

    form: ListFilter
    part: Page[Any]
    total: lists.Total

    @classmethod
    def of(cls, form: ListFilter, found: QuerySet[Any]) -> Listed:
        """`found` is what the form has asked for, in any order; its address says which part."""
        cursor = form.data.get("cursor", "")
        return cls(form, keyset(found, form.order, cursor, PAGE_SIZE), lists.count(found))
