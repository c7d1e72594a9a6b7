"""A model's policy: what its releases must pass. A release freezes the one it was submitted under."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta
from msgspec.structs import replace

from formats.documents import Document
from formats.serving import Serving
from registry import catalogue, strict
from registry.catalogue import CataloguedMetric
from registry.errors import BadInput

CEILINGS = ("p50_ms", "p90_ms", "p99_ms", "load_ms", "peak_memory_bytes", "size_bytes")
FLOORS = ("samples_per_second",)
MEASURED = (*CEILINGS, *FLOORS)
"""What the benchmark measures: a ceiling is a limit at most, a floor one at least."""

MOST_LISTS = 20
"""What a person chooses from when a release is opened."""
MOST_STAGES = 20
"""A rollout with more would take months at a day each; each is a row on its page."""
MOST_PROOF_MINUTES = 7 * 24 * 60
"""A week: a worker's room is taken for as long as a proof runs."""
_LONGEST_NAME = 100
"""As a metric's or a role's name in the columns that keep it."""
_LARGEST = sys.float_info.max
_NAMES = Meta(min_length=1, max_length=_LONGEST_NAME)

Slot = Literal["technical", "privacy", "security", "approval"]
Weight = Literal["decide", "advise", "off"]
"""What a finding may do: fail the gate, be said beside a verdict that stands without it, or nothing."""
SLOTS: tuple[Slot, ...] = get_args(Slot)
WEIGHTS: tuple[Weight, ...] = get_args(Weight)


def _are_slots(slots: tuple[Slot, ...]) -> bool:
    return "approval" in slots and len({*slots}) == len(slots)


def _are_names(names: tuple[str, ...]) -> bool:
    return all(name.isprintable() for name in names)


Slots = Annotated[
    tuple[Slot, ...],
    Meta(
        description=f"Write a list of different slots with approval among them, of {', '.join(SLOTS)}.",
        extra={"holds": _are_slots},
    ),
]
Operators = Annotated[
    tuple[Annotated[str, _NAMES], ...],
    Meta(description="Write a list of operator names, such as Loop.", extra={"holds": _are_names}),
]
Profile = Annotated[
    str,
    _NAMES,
    Meta(description="Name a hardware profile, or write any.", extra={"holds": str.isprintable}),
]
Measure = Annotated[
    str,
    _NAMES,
    Meta(description="Name what is measured, such as p99_ms.", extra={"holds": str.isprintable}),
]
Limit = Annotated[float, Meta(gt=0, le=_LARGEST, description="Write a number above 0.")]
Limits = Annotated[
    Mapping[Measure, Limit], Meta(description='Write an object of limits, such as {"p99_ms": 20}.')
]
Benchmark = Annotated[Mapping[Profile, Limits], Meta(description="Write an object: profile to limits.")]
Margin = Annotated[
    Annotated[float, Meta(ge=0, le=_LARGEST)] | None, Meta(description="Write a number of at least 0.")
]
# A test errs with 5 % at most: less power than that is none, and certainty takes endless rows.
Power = Annotated[
    float,
    Meta(gt=0.05, le=0.999, description="Write a chance above 0.05 and at most 0.999, such as 0.8."),
]
Metrics = Annotated[
    Mapping[
        Annotated[
            str,
            Meta(
                pattern=catalogue.METRIC_NAME,
                description="Name a metric in small letters, digits and _, such as conversion.",
            ),
        ],
        CataloguedMetric,
    ],
    Meta(description='Write an object of metrics, such as {"conversion": {"kind": "bad_event"}}.'),
]


class StageList(Document, frozen=True):
    """Stages that a team has saved under a name: `kind` is the strategy that goes by them. What may stand in
    a stage is said by the app that acts on it: see `JUDGES`."""

    kind: Annotated[str, Meta(description="Name the strategy that goes by these stages, such as canary.")]
    stages: Annotated[
        tuple[dict[str, Any], ...],
        Meta(
            min_length=1,
            max_length=MOST_STAGES,
            description=f"Write a list of 1 to {MOST_STAGES} stages, such as "
            '[{"kind": "split", "share": 0.05, "min": "1h"}].',
        ),
    ]


Lists = Annotated[
    Mapping[
        Annotated[
            str,
            Meta(
                pattern=r"^[a-z][a-z0-9_]{0,39}\Z",
                description="Name a list in small letters, digits and _, such as careful.",
            ),
        ],
        StageList,
    ],
    Meta(description='Write an object of lists, such as {"careful": {"kind": "canary", "stages": […]}}.'),
]
Minutes = Annotated[
    int, Meta(ge=1, le=MOST_PROOF_MINUTES, description=f"Write whole minutes, 1 to {MOST_PROOF_MINUTES}.")
]


class ModelPolicy(Document, frozen=True):
    """`slots` are the signatures a release needs; `operators` are allowed beyond the default list;
    `benchmark` maps a hardware profile (or `any`) to limits of `MEASURED`, such as {"p99_ms": 20.0};
    `margin` overrides how much worse than the champion a metric may be;
    `slices` says what a slice beyond the acceptable range does, and `power` what a comparison does that
    would have seen a loss of the margin with less than the chance `min_power` (see `WEIGHTS`);
    `plus_addresses` says whether `ana+ci@…` is ana (`same`) or somebody else (`distinct`);
    `unknown_builder` whether it is shown that who built a version has no account here, or refused;
    `proof_minutes` is how long all automatic gates of a release may take together;
    `metrics` are what rollouts of the model are judged by beside the guardrails, and how these count;
    `lists` are stages that strategies name instead of writing them."""

    slots: Slots = SLOTS
    operators: Operators = ()
    benchmark: Benchmark = {}
    margin: Margin = None
    slices: Weight = "advise"
    power: Weight = "advise"
    min_power: Power = 0.8
    plus_addresses: Literal["same", "distinct"] = "same"
    unknown_builder: Literal["show", "refuse"] = "show"
    mode: Literal["auto", "propose"] = "auto"
    proof_minutes: Minutes = 60
    serving: Serving = Serving()
    metrics: Metrics = {}
    lists: Lists = {}


JUDGES: list[Callable[[ModelPolicy], None]] = []
"""What apps above this one know of a policy and it does not, each for what it acts on. Raise BadInput naming
the field."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two policies, by its dotted name; None: the policy does not say it."""

    field: str
    old: object
    new: object


def changes(old: ModelPolicy, new: ModelPolicy) -> list[Change]:
    """What differs, in the order in which a policy says it."""
    before, after = flat(old), flat(new)
    sections = list(ModelPolicy.__struct_fields__)
    names = sorted({**before, **after}, key=lambda name: sections.index(name.partition(".")[0]))
    return [
        Change(name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]


def flat(policy: ModelPolicy) -> dict[str, Any]:
    """Everything that the policy says, by dotted name: `mode`, `serving.cache_mb`, `benchmark.any.p99_ms`."""
    return dict(_leaves("", policy.to_json()))


def _leaves(place: str, said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in said.items():
        if isinstance(value, Mapping):
            yield from _leaves(f"{place}{name}.", value)
        else:
            yield f"{place}{name}", value


def parse(document: object) -> ModelPolicy:
    """The policy in a JSON document; missing parts take their defaults. Raises BadInput naming the field."""
    said = strict.read(ModelPolicy, document, "policy")
    return replace(
        said,
        slots=tuple(slot for slot in SLOTS if slot in said.slots),
        operators=tuple(sorted(set(said.operators))),
        benchmark={profile: limits for profile, limits in said.benchmark.items() if limits},
    )


def judge(document: object) -> ModelPolicy:
    """A policy that somebody wants from now on: as `parse`, and nothing in it may go unread.

    What stands from before is parsed only: the benchmark gate fails a limit that it cannot hold.
    Raises BadInput naming the field.
    """
    wanted = parse(document)
    _check_metrics(wanted.metrics)
    if len(wanted.lists) > MOST_LISTS:
        raise BadInput(f"A policy has at most {MOST_LISTS} lists of stages.", field="policy.lists")
    for profile, limits in wanted.benchmark.items():
        for name in limits:
            _check_measured(name, f"policy.benchmark.{profile}.{name}")
    for check in JUDGES:
        check(wanted)
    return wanted


def _check_metrics(metrics: Mapping[str, CataloguedMetric]) -> None:
    if len(metrics) > catalogue.MOST_METRICS:
        raise BadInput(f"A policy has at most {catalogue.MOST_METRICS} metrics.", field="policy.metrics")
    for name, metric in metrics.items():
        catalogue.check(name, metric, f"policy.metrics.{name}")


def _check_measured(name: str, field_name: str) -> None:
    if name not in MEASURED:
        said = f"The benchmark measures no {name!r}: {strict.near(name, MEASURED, 'measured are')}"
        raise BadInput(said, field=field_name)
