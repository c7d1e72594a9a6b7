"""A model's policy: what its releases must pass. A release freezes the one it was submitted under."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, TypeGuard

from formats.serving import MOST_CACHE_MB, Serving
from registry.errors import BadInput

CEILINGS = ("p50_ms", "p90_ms", "p99_ms", "load_ms", "peak_memory_bytes", "size_bytes")
FLOORS = ("samples_per_second",)
MEASURED = (*CEILINGS, *FLOORS)
"""What the benchmark measures: a ceiling is a limit at most, a floor one at least."""

SLOTS = ("technical", "privacy", "security", "approval")
MODES = ("auto", "propose")
PLUS = ("same", "distinct")
UNKNOWN = ("show", "refuse")
WEIGHTS = ("decide", "advise", "off")
"""What a finding may do: fail the gate, be said beside a verdict that stands without it, or nothing."""

LONGEST_NAME = 100
MOST_PROOF_MINUTES = 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class ModelPolicy:
    """`slots` are the signatures a release needs; `operators` are allowed beyond the default list;
    `benchmark` maps a hardware profile (or `any`) to limits of `MEASURED`, such as {"p99_ms": 20.0};
    `margin` overrides how much worse than the champion a metric may be;
    `slices` says what a slice beyond the acceptable range does, and `power` what a comparison does that
    would have seen a loss of the margin with less than the chance `min_power` (see `WEIGHTS`);
    `plus_addresses` says whether `ana+ci@…` is ana (`same`) or somebody else (`distinct`);
    `unknown_builder` whether it is shown that who built a version has no account here, or refused;
    `proof_minutes` is how long all automatic gates of a release may take together."""

    slots: tuple[str, ...] = SLOTS
    operators: tuple[str, ...] = ()
    benchmark: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    margin: float | None = None
    slices: str = "advise"
    power: str = "advise"
    min_power: float = 0.8
    plus_addresses: str = "same"
    unknown_builder: str = "show"
    mode: str = "auto"
    proof_minutes: int = 60
    serving: Serving = field(default_factory=Serving)

    def to_json(self) -> dict[str, Any]:
        return {
            "slots": list(self.slots),
            "operators": list(self.operators),
            "benchmark": {profile: dict(limits) for profile, limits in self.benchmark.items()},
            "margin": self.margin,
            "slices": self.slices,
            "power": self.power,
            "min_power": self.min_power,
            "plus_addresses": self.plus_addresses,
            "unknown_builder": self.unknown_builder,
            "mode": self.mode,
            "proof_minutes": self.proof_minutes,
            "serving": self.serving.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two policies, by its dotted name; None: the policy does not say it."""

    field: str
    old: Any
    new: Any


def changes(old: ModelPolicy, new: ModelPolicy) -> list[Change]:
    """What differs, in the order in which a policy says it."""
    before, after = flat(old), flat(new)
    sections = list(new.to_json())
    names = sorted({**before, **after}, key=lambda name: sections.index(name.partition(".")[0]))
    return [
        Change(name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]


def flat(policy: ModelPolicy) -> dict[str, Any]:
    """Everything that the policy says, by dotted name: `mode`, `serving.cache_mb`, `benchmark.any.p99_ms`."""
    said = policy.to_json()
    limits, serving = said.pop("benchmark"), said.pop("serving")
    said |= {
        f"benchmark.{profile}.{name}": limit for profile in limits for name, limit in limits[profile].items()
    }
    return said | {f"serving.{name}": value for name, value in serving.items()}


def parse(document: object) -> ModelPolicy:
    """The policy in a JSON document; missing parts take their defaults. Raises BadInput naming the field."""
    if not isinstance(document, Mapping):
        raise BadInput("A policy is an object.", field="policy")
    known = {f.name for f in fields(ModelPolicy)}
    for name in document:
        if name not in known:
            raise BadInput(
                f"A policy has no {name!r}: it has {', '.join(sorted(known))}.", field=f"policy.{name}"
            )
    return ModelPolicy(
        slots=_slots(document.get("slots", SLOTS)),
        operators=_operators(document.get("operators", ())),
        benchmark=_benchmark(document.get("benchmark", {})),
        margin=_margin(document.get("margin")),
        slices=_one_of(document.get("slices", "advise"), WEIGHTS, "policy.slices"),
        power=_one_of(document.get("power", "advise"), WEIGHTS, "policy.power"),
        min_power=_chance(document.get("min_power", 0.8)),
        plus_addresses=_one_of(document.get("plus_addresses", "same"), PLUS, "policy.plus_addresses"),
        unknown_builder=_one_of(document.get("unknown_builder", "show"), UNKNOWN, "policy.unknown_builder"),
        mode=_one_of(document.get("mode", "auto"), MODES, "policy.mode"),
        proof_minutes=_minutes(document.get("proof_minutes", 60)),
        serving=_serving(document.get("serving", {})),
    )


def judge(document: object) -> ModelPolicy:
    """A policy that somebody wants from now on: as `parse`, and nothing in it may go unread.

    What stands from before is parsed only: the benchmark gate fails a limit that it cannot hold.
    Raises BadInput naming the field.
    """
    wanted = parse(document)
    for profile, limits in wanted.benchmark.items():
        for name in limits:
            _check_measured(name, f"policy.benchmark.{profile}.{name}")
    if wanted.mode != "auto":
        raise BadInput(
            "Rollouts act by themselves: none of them proposes yet. Write auto, or leave it out.",
            field="policy.mode",
        )
    return wanted


def _check_measured(name: str, field_name: str) -> None:
    if name in MEASURED:
        return
    near = get_close_matches(name, MEASURED, n=1)
    hint = f"did you mean {near[0]}?" if near else f"measured are {', '.join(MEASURED)}."
    raise BadInput(f"The benchmark measures no {name!r}: {hint}", field=field_name)


def _slots(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list | tuple) else ()
    named = {_one_of(slot, SLOTS, "policy.slots") for slot in listed}
    if "approval" not in named or len(named) != len(listed):
        raise BadInput("Write a list of different slots with approval among them.", field="policy.slots")
    return tuple(slot for slot in SLOTS if slot in named)


def _operators(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(_is_name(name) for name in value):
        raise BadInput("Write a list of operator names, such as Loop.", field="policy.operators")
    return tuple(sorted(set(value)))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= LONGEST_NAME


def _benchmark(value: object) -> dict[str, dict[str, float]]:
    if not isinstance(value, Mapping):
        raise BadInput("Write an object: profile to limits.", field="policy.benchmark")
    if not all(_is_name(profile) for profile in value):
        raise BadInput("Name a hardware profile, or write any.", field="policy.benchmark")
    limits = {profile: _limits(found, f"policy.benchmark.{profile}") for profile, found in value.items()}
    return {profile: found for profile, found in limits.items() if found}


def _limits(value: object, field_name: str) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise BadInput('Write an object of limits, such as {"p99_ms": 20}.', field=field_name)
    if not all(_is_name(name) for name in value):
        raise BadInput("Name what is measured, such as p99_ms.", field=field_name)
    return {name: _positive(limit, f"{field_name}.{name}") for name, limit in value.items()}


def _positive(value: object, field_name: str) -> float:
    if not _is_number(value) or value <= 0:
        raise BadInput("Write a number above 0.", field=field_name)
    return float(value)


def _is_number(value: object) -> TypeGuard[int | float]:
    """A finite number that a float can hold; a flag is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _serving(value: object) -> Serving:
    if not isinstance(value, Mapping):
        words = ", ".join(Serving.__struct_fields__)
        raise BadInput(f"Write an object: {words}.", field="policy.serving")
    known = set(Serving.__struct_fields__)
    for name in value:
        if name not in known:
            raise BadInput(f"Serving has {', '.join(sorted(known))}.", field=f"policy.serving.{name}")
    flags = {name: value.get(name, True) for name in ("batching", "prepack")}
    cache_mb, share = value.get("cache_mb", 0), value.get("log_share", 0.0)
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise BadInput("Write true or false.", field=f"policy.serving.{name}")
    if isinstance(cache_mb, bool) or not isinstance(cache_mb, int) or not 0 <= cache_mb <= MOST_CACHE_MB:
        raise BadInput(f"Write whole megabytes, 0 to {MOST_CACHE_MB}.", field="policy.serving.cache_mb")
    if not _is_number(share) or not 0 <= share <= 1:
        raise BadInput("Write a share from 0 to 1.", field="policy.serving.log_share")
    return Serving(cache_mb=cache_mb, log_share=float(share), **flags)


def _margin(value: object) -> float | None:
    if value is None:
        return None
    if not _is_number(value) or value < 0:
        raise BadInput("Write a number of at least 0.", field="policy.margin")
    return float(value)


def _chance(value: object) -> float:
    """A test errs with 5 % at most: less power than that is none, and certainty takes endless rows."""
    if not _is_number(value) or not 0.05 < value <= 0.999:
        raise BadInput("Write a chance above 0.05 and at most 0.999, such as 0.8.", field="policy.min_power")
    return float(value)


def _minutes(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_PROOF_MINUTES:
        raise BadInput(f"Write whole minutes, 1 to {MOST_PROOF_MINUTES}.", field="policy.proof_minutes")
    return value


def _one_of(value: object, choices: tuple[str, ...], field_name: str) -> str:
    if value not in choices:
        raise BadInput(f"Write one of {', '.join(choices)}.", field=field_name)
    return str(value)
