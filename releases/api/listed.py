"""The long lists over REST: filtered and ordered by the words that the pages have in their addresses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from registry.api.paging import PageQuery
from registry.api.shapes import ModelShape, VersionLine
from releases import selectors
from releases.selectors import lists

TOTALS: dict[str, serializers.IntegerField | serializers.BooleanField] = {
    "total": serializers.IntegerField(help_text="How many rows the list has in all."),
    "at_least": serializers.BooleanField(help_text="Whether nobody has counted beyond `total`."),
}


def _one_of(values: Mapping[str, object], meaning: str) -> serializers.ChoiceField:
    named = ", ".join(values)
    return serializers.ChoiceField(
        list(values),
        required=False,
        help_text=meaning,
        error_messages={"invalid_choice": f"There is no {{input!r}}: write one of {named}."},
    )


def _finite(number: float) -> None:
    if not math.isfinite(number):
        raise ValidationError("Write a number.")


class ListQuery(PageQuery):
    """What is left empty is not asked for: so a form sends its fields."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value({name: value for name, value in data.items() if value != ""})


class ModelsQuery(ListQuery):
    search = serializers.CharField(required=False, max_length=200, help_text="A part of name, words or task.")
    state = _one_of(lists.MODEL_STATES, "That of one of the model's releases; `open`, `none`: nothing live.")
    owner = serializers.CharField(required=False, max_length=150, help_text="Who registered it.")
    task = serializers.CharField(required=False, max_length=80)
    tag = serializers.CharField(required=False, max_length=500, help_text="`key` or `key=value`.")
    sort = _one_of(lists.MODEL_ORDERS, "`name` as people read it; by the `last` release.")


class VersionsQuery(ListQuery):
    state = _one_of(lists.VERSION_STATES, "That of the version's newest release; `none`: it has none.")
    author = serializers.CharField(required=False, max_length=150, help_text="Who uploaded it.")
    metric_from = serializers.FloatField(required=False, validators=[_finite])
    metric_to = serializers.FloatField(required=False, validators=[_finite])
    sort = _one_of(lists.VERSION_ORDERS, "By number or by metric; what was never measured comes last.")


class ReleasesQuery(ListQuery):
    state = _one_of(lists.RELEASE_STATES, "`open` are all that are on their way.")
    model = serializers.CharField(required=False, max_length=255, help_text="Its slug or its name.")
    environment = serializers.CharField(required=False, max_length=63)
    mine = serializers.BooleanField(required=False, default=False, help_text="Only those that you opened.")
    sort = _one_of(lists.RELEASE_ORDERS, "When they were opened.")

    def validate_environment(self, name: str) -> str:
        known = list(selectors.environments().values_list("name", flat=True))
        if name not in known:
            raise ValidationError(f"There is no {name!r}: write one of {', '.join(known)}.")
        return name


class ListedModel(ModelShape):
    """A model in a list. `last_release` is the newest release of any of its versions."""

    last_release = serializers.SerializerMethodField()

    def get_last_release(self, model: lists.LastRelease) -> int | None:
        return model.last_release or None


class ListedVersion(VersionLine):
    """A version in a list, with its newest release, the state of that, and the metric measured in it."""

    release = serializers.IntegerField(source="newest", allow_null=True)
    state = serializers.CharField(source="newest_state", allow_null=True)
    measured = serializers.SerializerMethodField()

    def get_measured(self, version: lists.Measured) -> float | None:
        return version.measured if abs(version.measured) < lists.LARGEST else None
