"""The fields in which an admin writes another policy. What may stand in them is said by the policy itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

from django import forms

from formats.serving import SWITCHES, Switch
from registry.errors import BadInput
from registry.model_policy import MOST_PROOF_MINUTES, SLOTS, WEIGHTS, ModelPolicy
from releases.web.policy import lists, metrics
from releases.web.policy_words import ANY_HARDWARE, MEASURES, TOLD, exactly, number

if TYPE_CHECKING:
    from django.http import QueryDict

ALWAYS = "approval"
BLANK_ROWS = 2
"""Without JavaScript no row can be added: these are filled in, and the next form has more."""


class PolicyForm(forms.Form):
    """Starts as the policy stands; `based_on` is the digest of the one that was shown."""

    example = lists.EXAMPLE
    based_on = forms.CharField(widget=forms.HiddenInput)
    slots = forms.MultipleChoiceField(
        choices=[(slot, slot.capitalize()) for slot in SLOTS if slot != ALWAYS],
        required=False,
        label="Signatures before the approval",
        widget=forms.CheckboxSelectMultiple,
    )
    operators = forms.CharField(
        required=False,
        label=TOLD["operators"][0],
        help_text="Such as Loop or ai.onnx.ml:TreeEnsemble, with commas between. Each is a risk to run.",
    )
    margin = forms.CharField(
        required=False,
        label="Still as good as the live version when worse by at most",
        help_text="In the metric's unit, where the manifest leaves it open. Empty: as the manifest says.",
        widget=forms.NumberInput(attrs={"min": 0, "step": "any"}),
    )
    slices = forms.ChoiceField(
        choices=[(weight, weight.capitalize()) for weight in WEIGHTS],
        label=TOLD["slices"][0],
        help_text="Decide: one such slice fails the confidence gate. Advise: it is said beside the verdict.",
    )
    power = forms.ChoiceField(
        choices=[(weight, weight.capitalize()) for weight in WEIGHTS],
        label=TOLD["power"][0],
        help_text="Decide: it fails the confidence gate. Either way it says how many more rows would do.",
    )
    min_power = forms.CharField(
        label=TOLD["min_power"][0],
        help_text="The power of the comparison with the live version, such as 0.8.",
        widget=forms.NumberInput(attrs={"min": 0.05, "max": 0.999, "step": "any"}),
    )
    plus_addresses = forms.ChoiceField(
        choices=[("same", "One person"), ("distinct", "Two people")],
        label=TOLD["plus_addresses"][0],
        help_text="Nobody reviews what they built. One person: an address with a plus is its owner's too.",
    )
    unknown_builder = forms.ChoiceField(
        choices=[("show", "Is shown to reviewers"), ("refuse", "Is refused")],
        label=TOLD["unknown_builder"][0],
        help_text="Refused: a version is reviewed only where built.by resolves to an account.",
    )
    mode = forms.ChoiceField(
        choices=[("auto", "Act by themselves"), ("propose", "Ask a person for every step")],
        label=TOLD["mode"][0],
        help_text="Asking, a version that harms stays until somebody has answered.",
    )
    proof_minutes = forms.CharField(
        label="Minutes that a proof may take, all automatic gates together",
        help_text="A model that needs milliseconds for a row and has a million of them needs hours.",
        widget=forms.NumberInput(attrs={"min": 1, "max": MOST_PROOF_MINUTES, "step": 1}),
    )
    grounds = forms.CharField(
        required=False,
        label="Why",
        help_text="At least 10 characters. The second person reads this; the log holds its digest.",
        widget=forms.Textarea(attrs={"required": True, "minlength": 10, "maxlength": 10_000, "rows": 4}),
    )

    def __init__(self, policy: ModelPolicy, based_on: str, data: QueryDict | None = None) -> None:
        super().__init__(data, initial=_initial(policy) | {"based_on": based_on})
        self.fields |= {each.name: _field_of(each) for each in SWITCHES}
        self._add_rows(policy)
        self.fields |= metrics.fields(policy.metrics, data)
        self.fields |= lists.fields(policy.lists, data)

    def _add_rows(self, policy: ModelPolicy) -> None:
        stand = [(p, name, limit) for p, limits in policy.benchmark.items() for name, limit in limits.items()]
        known = MEASURES | {name: name for _, name, _ in stand if name not in MEASURES}
        rows = [*stand, *[(ANY_HARDWARE, "p99_ms", None)] * BLANK_ROWS]
        self._count = len(rows)
        if self.is_bound:
            self._count = len(list(takewhile(lambda n: f"limit_{n}" in self.data, count())))
        for n in range(self._count):
            profile, measure, limit = rows[n] if n < len(rows) else rows[-1]
            self.fields[f"profile_{n}"] = forms.CharField(
                label=f"Hardware of limit {n + 1}",
                required=False,
                initial=profile,
                widget=_labelled(forms.TextInput, "Hardware profile", n),
            )
            self.fields[f"measure_{n}"] = forms.ChoiceField(
                label=f"Measure of limit {n + 1}",
                choices=list(known.items()),
                initial=measure,
                widget=_labelled(forms.Select, "Measure", n),
            )
            self.fields[f"limit_{n}"] = forms.CharField(
                label=f"Limit {n + 1}",
                required=False,
                initial="" if limit is None else exactly(limit),
                widget=_labelled(forms.NumberInput, "Limit", n, min=0, step="any"),
            )

    def rows(self) -> Iterator[tuple[Any, Any, Any]]:
        """The limits' fields: profile, measure, limit."""
        for n in range(self._count):
            yield self[f"profile_{n}"], self[f"measure_{n}"], self[f"limit_{n}"]

    def metrics(self) -> Iterator[list[tuple[Any, str]]]:
        """The fields of each metric, and what the API calls them."""
        return metrics.groups(self)

    def lists(self) -> Iterator[list[tuple[Any, str]]]:
        """The fields of each list of stages, likewise."""
        return lists.groups(self)

    def flags(self) -> Iterator[tuple[Any, str]]:
        """The fields of serving that are ticked, and what the API calls them."""
        return ((self[each.name], f"serving.{each.name}") for each in SWITCHES if each.kind is bool)

    def figures(self) -> Iterator[tuple[Any, str]]:
        """The fields of serving that hold a number, likewise."""
        return ((self[each.name], f"serving.{each.name}") for each in SWITCHES if each.kind is not bool)

    def clean(self) -> dict[str, Any]:
        seen = set()
        for n, profile, measure, _ in self._limits():
            if (profile, measure) in seen:
                self.add_error(f"limit_{n}", "There is a limit for this above.")
            seen.add((profile, measure))
        for what, room in (("metric", metrics), ("list", lists)):
            names: set[str] = set()
            for n, name in [*room.named(self)]:
                if name and name in names:
                    self.add_error(f"{what}_{n}_name", f"There is a {what} of this name above.")
                names.add(name)
        return self.cleaned_data

    def document(self) -> dict[str, Any]:
        """The policy as it was written; whether it is one, `model_policy.parse` says."""
        said = self.cleaned_data
        benchmark: dict[str, dict[str, Any]] = {}
        for _, profile, measure, limit in self._limits():
            benchmark.setdefault(profile, {})[measure] = number(limit)
        return {
            "slots": [*said["slots"], ALWAYS],
            "operators": said["operators"].replace(",", " ").split(),
            "benchmark": benchmark,
            "margin": number(said["margin"]) if said["margin"] else None,
            "slices": said["slices"],
            "power": said["power"],
            "min_power": number(said["min_power"]),
            "plus_addresses": said["plus_addresses"],
            "unknown_builder": said["unknown_builder"],
            "mode": said["mode"],
            "proof_minutes": number(said["proof_minutes"]),
            "serving": {
                each.name: said[each.name] if each.kind is bool else number(said[each.name])
                for each in SWITCHES
            },
            "metrics": metrics.document(self),
            "lists": lists.document(self),
        }

    def refuse(self, refusal: BadInput) -> None:
        """Say beside the field what is wrong with it."""
        self.add_error(self._named(str(refusal.facts.get("field", ""))), str(refusal))

    def _named(self, name: str) -> str | None:
        for n, profile, measure, _ in self._limits():
            limits = f"policy.benchmark.{profile}"
            if name == f"{limits}.{measure}":
                return f"limit_{n}"
            if name == limits or (name == "policy.benchmark" and not profile):
                return f"profile_{n}"
        if found := metrics.field_of(self, name) or lists.field_of(self, name):
            return found
        bare = name.removeprefix("policy.").removeprefix("serving.")
        return bare if bare in self.fields else None

    def _limits(self) -> Iterator[tuple[int, str, str, str]]:
        """The rows in which a limit stands; an emptied one takes it away."""
        for n in range(self._count):
            limit = self.cleaned_data.get(f"limit_{n}", "")
            if limit:
                yield (
                    n,
                    self.cleaned_data.get(f"profile_{n}", ""),
                    self.cleaned_data.get(f"measure_{n}", ""),
                    limit,
                )


def _initial(policy: ModelPolicy) -> dict[str, Any]:
    return {
        "slots": [slot for slot in policy.slots if slot != ALWAYS],
        "operators": ", ".join(policy.operators),
        "margin": "" if policy.margin is None else exactly(policy.margin),
        "slices": policy.slices,
        "power": policy.power,
        "min_power": exactly(policy.min_power),
        "plus_addresses": policy.plus_addresses,
        "unknown_builder": policy.unknown_builder,
        "mode": policy.mode,
        "proof_minutes": policy.proof_minutes,
        **{each.name: _shown(getattr(policy.serving, each.name)) for each in SWITCHES},
    }


def _shown(value: bool | float) -> bool | str:
    return value if isinstance(value, bool) else exactly(value)


def _field_of(switch: Switch) -> forms.Field:
    label = switch.words.title or switch.name
    if switch.kind is bool:
        return forms.BooleanField(required=False, label=label)
    bounds = {"min": switch.words.ge, "max": switch.words.le, "step": 1 if switch.kind is int else "any"}
    return forms.CharField(label=label, help_text=switch.hint, widget=forms.NumberInput(attrs=bounds))


def _labelled(widget: Any, label: str, row: int, **attrs: Any) -> Any:
    """The table's head says what a column is; a screen reader hears it at each field."""
    return widget(attrs={"aria-label": f"{label}, limit {row + 1}", **attrs})
