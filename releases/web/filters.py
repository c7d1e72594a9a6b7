"""What the lists are filtered and ordered by, as forms over the address's query."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from registry.web.paging import Order
from releases import lists, selectors
from releases.lifecycle import State

ANY = ("", "any")


def _choices(values: Iterable[str]) -> list[tuple[str, str]]:
    return [ANY, *((value, value) for value in values)]


def _states(nothing: str, left_out: Iterable[State] = ()) -> list[tuple[str, str]]:
    states = [(str(state), str(state).replace("_", " ")) for state in State if state not in left_out]
    return [ANY, (lists.OPEN, "on its way"), *states, *([(lists.NOTHING, nothing)] if nothing else [])]


class ListFilter(forms.Form):
    """The fields of a list; `orders` are the values that `sort` may have, the usual one first."""

    orders: dict[str, tuple[str, Order]] = {}

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.order = next(iter(self.orders.values()))[1] if self.orders else Order("pk", descending=True)
        if self.orders:
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

    orders = {
        "name": ("name, A to Z", Order("name")),
        "-name": ("name, Z to A", Order("name", descending=True)),
        "-last": ("last release first", Order("last_release", descending=True, unique=False)),
        "last": ("last release last", Order("last_release", unique=False)),
    }

    search = forms.CharField(required=False, label="Words", max_length=200)
    state = forms.ChoiceField(
        required=False,
        label="State",
        choices=_states(
            "nothing live",
            (State.SUPERSEDED, State.REJECTED, State.ROLLED_BACK, State.WITHDRAWN, State.RETIRED),
        ),
    )
    owner = forms.ChoiceField(required=False, label="Registered by")
    task = forms.ChoiceField(required=False, label="Task")
    tag = forms.CharField(
        required=False,
        label="Tag",
        max_length=500,
        widget=forms.TextInput(attrs={"placeholder": "team=vision"}),
    )

    def __init__(self, data: Any, asker: Any) -> None:
        super().__init__(data)
        for name, found in (("owner", lists.owners(asker)), ("task", lists.tasks(asker))):
            self.fields[name].choices = _choices(found)  # type: ignore[attr-defined]


class VersionFilter(ListFilter):
    """Of the versions of one model."""

    orders = {
        "-number": ("newest first", Order("number", descending=True)),
        "number": ("oldest first", Order("number")),
        "-metric": ("highest metric first", Order("measured", descending=True, unique=False)),
        "metric": ("lowest metric first", Order("measured", unique=False)),
    }

    state = forms.ChoiceField(required=False, label="State", choices=_states("no release"))
    author = forms.ChoiceField(required=False, label="Uploaded by")
    metric_from = forms.FloatField(required=False, label="Metric from")
    metric_to = forms.FloatField(required=False, label="Metric to")

    def __init__(self, data: Any, model: Any) -> None:
        super().__init__(data)
        self.fields["author"].choices = _choices(lists.authors(model))  # type: ignore[attr-defined]
        for name in ("metric_from", "metric_to"):
            self.fields[name].widget.attrs["step"] = "any"


class ReleaseFilter(ListFilter):
    """Of all releases."""

    state = forms.ChoiceField(required=False, label="State", choices=_states(""))
    model = forms.CharField(required=False, label="Model", max_length=255)
    environment = forms.ChoiceField(required=False, label="Environment")
    mine = forms.BooleanField(required=False, label="Only those that I opened")

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        names = selectors.environments().values_list("name", flat=True)
        self.fields["environment"].choices = _choices(names)  # type: ignore[attr-defined]
