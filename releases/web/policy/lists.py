"""The fields in which lists of stages are written: a group for each, and an empty one for another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

import yaml
from django import forms

from registry.errors import BadInput
from registry.manifest import reading
from registry.manifest.errors import BadManifest
from releases import looks
from releases.rollout.designs.design import OFFERED, Kind
from releases.rollout.documents import lists
from releases.web.rollout import values

if TYPE_CHECKING:
    from django.http import QueryDict

    from registry.model_policy import ModelPolicy, StageList

MOST_CHARACTERS = 20_000
"""Twenty stages with all of their options written out."""
EXAMPLE = """- {kind: shadow, min: 30m}
- {kind: split, share: 0.02, min: 1h, max: 1d}
- {kind: split, share: 0.5, min: 1h, max: 2d, ends: promotable}"""
_KINDS = [(str(kind), looks.STRATEGIES[kind]) for kind in OFFERED if kind is not Kind.SINGLE]


def fields(known: Mapping[str, StageList], data: QueryDict | None) -> dict[str, forms.Field]:
    """As they stand, and one group more; as many as were sent, where any were."""
    stand = [(name, each.kind, written(each)) for name, each in known.items()]
    stand.append(("", str(Kind.CANARY), ""))
    groups = len(stand)
    if data is not None:
        groups = len(list(takewhile(lambda n: f"list_{n}_name" in data, count())))
    found: dict[str, forms.Field] = {}
    for n in range(groups):
        name, kind, stages = stand[n] if n < len(stand) else stand[-1]
        found[f"list_{n}_name"] = forms.CharField(
            label="Name", required=False, initial=name, help_text="Emptied, the list is taken away."
        )
        found[f"list_{n}_kind"] = forms.ChoiceField(label="Goes by", choices=_KINDS, initial=kind)
        found[f"list_{n}_stages"] = forms.CharField(
            label="Stages",
            required=False,
            initial=stages,
            help_text="One after the other, as YAML or JSON like in a manifest.",
            widget=forms.Textarea(attrs={"rows": 5, "maxlength": MOST_CHARACTERS, "spellcheck": "false"}),
        )
    return found


def written(each: StageList) -> str:
    """A stage a line, as people write them."""
    return "".join(f"- {_line(stage)}" for stage in each.stages).strip()


def _line(stage: Mapping[str, object]) -> str:
    said = lists.in_order(stage)
    return yaml.safe_dump(said, default_flow_style=True, sort_keys=False, width=MOST_CHARACTERS)


@dataclass(frozen=True, slots=True)
class Saved:
    """A list as the policy has it; `refusal` says why no rollout goes by it as the policy stands."""

    name: str
    kind: str
    rungs: Sequence[values.Rung] = ()
    refusal: str = ""


def saved(policy: ModelPolicy) -> list[Saved]:
    """Every list, with what each of its stages does."""
    return [_saved(name, policy) for name in policy.lists]


def _saved(name: str, policy: ModelPolicy) -> Saved:
    kind = dict(_KINDS).get(policy.lists[name].kind, "")
    try:
        return Saved(name, kind, values.planned(lists.design_of(name, policy)))
    except BadInput as refusal:
        return Saved(name, kind, refusal=str(refusal))


def groups(form: forms.Form) -> Iterator[list[tuple[Any, str]]]:
    """The fields of each list, with what the API calls them."""
    for n in _places(form):
        yield [(form[f"list_{n}_{member}"], member) for member in ("name", "kind", "stages")]


def document(form: forms.Form) -> dict[str, dict[str, Any]]:
    """The lists as they were written; one without a name is none. Raises BadInput naming the field."""
    return {
        name: {
            "kind": form.cleaned_data.get(f"list_{n}_kind", ""),
            "stages": _read(form.cleaned_data.get(f"list_{n}_stages", ""), f"policy.lists.{name}.stages"),
        }
        for n, name in named(form)
        if name
    }


def named(form: forms.Form) -> Iterator[tuple[int, str]]:
    """The name in each group, and its place."""
    for n in _places(form):
        yield n, form.cleaned_data.get(f"list_{n}_name", "")


def field_of(form: forms.Form, place: str) -> str | None:
    """Which field a refusal is about: `policy.lists.careful.stages[1].share`."""
    if not place.startswith("policy.lists"):
        return None
    if place == "policy.lists":
        return next((f"list_{n}_name" for n, name in reversed([*named(form)]) if name), None)
    name, _, member = place.removeprefix("policy.lists.").partition(".")
    wrong = "kind" if member == "kind" else "stages" if member else "name"
    return next((f"list_{n}_{wrong}" for n, each in named(form) if each == name), None)


def _places(form: forms.Form) -> Iterator[int]:
    return takewhile(lambda n: f"list_{n}_name" in form.fields, count())


def _read(text: str, at: str) -> list[Any]:
    try:
        return reading.listed(text.encode(), at)
    except BadManifest as trouble:
        told = str(trouble).replace("the manifest", "the list")
        raise BadInput(f"The stages cannot be read: {told}", field=at) from trouble
