"""A strategy as people and manifests write it, `{"kind": "canary"}` at least -> a design, or a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from formats.plan import MOST_NAMED
from registry.catalogue import METRIC_NAME, MOST_METRICS, MOST_VALUE, MOST_WINDOW_HOURS, CataloguedMetric
from registry.errors import BadInput
from registry.model_policy import MOST_STAGES
from releases.rollout.designs.design import (
    EXPIRES_SECONDS,
    OFFERED,
    Asked,
    Design,
    Ends,
    Goal,
    Kind,
    Mode,
    Shares,
    Stage,
    StageKind,
    moved_back,
    weights,
)
from releases.rollout.designs.metrics import GUARDRAILS, Action, Direction, Metric, MetricKind
from releases.rollout.documents import play
from releases.rollout.documents.reading import Section, version_name
from releases.rollout.evidence.cohorts import span_of
from releases.rollout.evidence.propensity import MOST_ARMS
from releases.rollout.strategies import STRATEGIES

_MEMBERS = frozenset(
    {"kind", "shadow", "pair", "against", "shares", "holdback", "mode", "start_at", "stages", "metrics"}
    | {"goal", "delta", "expires_after", "compare", "play", "list"}
)
_STAGE = frozenset({"kind", "share", "shares", "units", "pair", "min", "max", "ends", "metrics"})
_METRIC = frozenset(
    {"name", "kind", "direction", "margin", "relative", "weight", "action", "limit", "low", "high"}
    | {"default", "window_hours"}
)
_FROZEN = ("kind", "direction", "relative", "low", "high", "default", "window_hours")
_STRICTNESS = (Action.TELL, Action.HOLD, Action.ROLL_BACK)
MOST_VERSIONS = MOST_ARMS - 1
"""Beside the live one: of more a bandit could not say with what chance each plays."""
LONGEST_UNIT = 1024
"""As nodes take it."""
LONGEST_SECONDS = 365 * 86_400.0
"""A year: longer is a slip of units, and nobody would compare with a version so old."""


def parse(
    document: object,
    *,
    challenger: str,
    baseline: str,
    mode: Mode = Mode.AUTO,
    catalogue: Mapping[str, CataloguedMetric] | None = None,
    at: str = "strategy",
) -> Design:
    """The design of a rollout of `challenger` beside the live version `baseline` ("" where none is live).

    mode       what the model's policy says: where that wants to be asked, no document says otherwise
    catalogue  the metrics of the model's policy

    Raises BadInput naming the field, with a sentence that says what to write.
    """
    section = Section(document, at, _MEMBERS)
    kind = section.choice("kind", Kind, offered=OFFERED)
    if not baseline and kind is not Kind.SINGLE:
        raise section.refuse("kind", "No version is live that another could be compared with: write single.")
    challengers = _challengers(section, challenger, baseline)
    if len(challengers) > 1 and kind not in (Kind.SHADOW, Kind.AB_TEST, Kind.BANDIT):
        raise section.refuse("against", f"{kind} takes one version: for several write ab_test or bandit.")
    metrics = _metrics(section, catalogue or {})
    goal = section.choice("goal", Goal, Goal.EARN)
    expires = section.seconds("expires_after", EXPIRES_SECONDS) or 0.0
    if not 0 < expires <= LONGEST_SECONDS:
        raise section.refuse("expires_after", f"{at}.expires_after is more than nothing and at most 365d.")
    made = Design(
        kind=kind,
        baseline=baseline,
        challengers=challengers,
        stages=_stages(section, kind, challengers, baseline, metrics),
        metrics=metrics,
        mode=Mode.PROPOSE if mode is Mode.PROPOSE else section.choice("mode", Mode, mode),
        goal=goal,
        play=play.read(section, kind, goal, (*challengers, baseline), metrics),
        delta=section.number("delta", 0.05, 0.0001, 0.5),
        expires_seconds=expires,
        start_at=section.moment("start_at"),
        compare=section.texts("compare"),
    )
    _check_moves(made, at)
    return made


def _challengers(section: Section, challenger: str, baseline: str) -> tuple[str, ...]:
    others = [version_name(value, f"{section.at}.against") for value in section.items("against")]
    named = (challenger, *others)
    if len(set(named)) < len(named) or baseline in others:
        raise section.refuse(
            "against",
            f"{section.at}.against names other versions than {challenger} and the live one, each once.",
        )
    if len(named) > MOST_VERSIONS:
        raise section.refuse("against", f"At most {MOST_VERSIONS} versions are tried beside the live one.")
    return named


# --- metrics ----------------------------------------------------------------------------------------


def _metrics(section: Section, catalogue: Mapping[str, CataloguedMetric]) -> tuple[Metric, ...]:
    """The guardrails and the policy's metrics, tightened where the document does so; then what it adds."""
    found = {metric.name: metric for metric in GUARDRAILS}
    for known, said in catalogue.items():
        each = Section(said.to_json(), f"policy.metrics.{known}", _METRIC)
        found[known] = _changed(each, found[known]) if known in found else _metric(each, known)
    seen: set[str] = set()
    for index, value in enumerate(section.items("metrics", MOST_METRICS)):
        each = Section(value, f"{section.at}.metrics[{index}]", _METRIC)
        name = each.get("name")
        if not isinstance(name, str) or name in seen or not re.match(METRIC_NAME, name):
            told = f"{each.at}.name is a name of its own, in small letters, digits and _, such as conversion."
            raise each.refuse("name", told)
        seen.add(name)
        found[name] = _tightened(each, found[name]) if name in found else _metric(each, name)
    return tuple(found.values())


def _metric(section: Section, name: str) -> Metric:
    kind = section.choice("kind", MetricKind, MetricKind.BAD_EVENT)
    if kind is MetricKind.LATENCY:
        raise section.refuse("kind", "Latency comes with every rollout: leave the metric out, or tighten it.")
    relative = section.flag("relative", kind is MetricKind.BAD_EVENT)
    if kind is MetricKind.BAD_EVENT and not relative:
        raise section.refuse("relative", "The margin of a bad event is relative: 0.5 is half as often again.")
    low = section.number("low", 0.0, -MOST_VALUE, MOST_VALUE)
    high = section.number("high", 1.0, -MOST_VALUE, MOST_VALUE)
    if low >= high:
        raise section.refuse("high", f"{section.at}.high is above low.")
    made = Metric(
        name,
        kind,
        section.choice("direction", Direction, Direction.LOWER),
        section.number("margin", 0.5 if relative else 0.05, 0.01, 100.0),
        relative,
        section.number("weight", 1.0, 0.01, 100.0),
        section.choice("action", Action, Action.HOLD),
        limit=_limit(section, None),
        low=low,
        high=high,
    )
    window = section.number("window_hours", made.window_hours, 0.0, MOST_WINDOW_HOURS)
    default = section.number("default", 0.0, *made.range)
    return replace(made, default=default, window_hours=window, span_s=span_of(window))


def _tightened(section: Section, metric: Metric) -> Metric:
    """A guardrail, or what the policy says, may be made stricter; to loosen it is up to two people."""
    known = f"{metric.name} is {'a guardrail' if metric.guardrail else 'in the policy'}"
    for name in _FROZEN:
        if name in section:
            raise section.refuse(name, f"{known}: its {name} stands, leave it out.")
    found = _changed(section, metric)
    if _STRICTNESS.index(found.action) < _STRICTNESS.index(metric.action):
        raise section.refuse("action", f"{known}: write at least {metric.action}.")
    if found.margin > metric.margin:
        raise section.refuse("margin", f"{known}: its margin is at most {metric.margin}.")
    return found


def _changed(section: Section, metric: Metric) -> Metric:
    return replace(
        metric,
        action=section.choice("action", Action, metric.action),
        margin=section.number("margin", metric.margin, 0.01, 100.0),
        weight=section.number("weight", metric.weight, 0.01, 100.0),
        limit=_limit(section, metric.limit),
    )


def _limit(section: Section, default: float | None) -> float | None:
    return section.number("limit", 0.0, 1e-6, 0.999) if "limit" in section else default


# --- stages -----------------------------------------------------------------------------------------


def _stages(
    section: Section, kind: Kind, challengers: tuple[str, ...], baseline: str, metrics: Sequence[Metric]
) -> tuple[Stage, ...]:
    asked = _asked(section, challengers, baseline)
    if asked.looks and asked.shares:
        raise section.refuse("shares", play.ALIKE)
    preset = STRATEGIES[kind].preset(asked)
    values = section.items("stages", MOST_STAGES)
    if "list" in section and not values:
        raise section.refuse("list", f"{section.at}.list names stages that are in the policy of a model.")
    if not values:
        return preset
    stages = tuple(
        _stage(Section(value, f"{section.at}.stages[{index}]", _STAGE), challengers, baseline, metrics)
        for index, value in enumerate(values)
    )
    if len(challengers) > 1 and any(stage.kind is StageKind.TRIAL for stage in stages):
        raise section.refuse("against", "A trial serves one version to those it names: leave against out.")
    if kind is Kind.SHADOW and any(stage.kind is not StageKind.SHADOW for stage in stages):
        raise section.refuse("stages", "A shadow has stages of its own kind alone: write another strategy.")
    return play.staged(section, kind, section.choice("goal", Goal, Goal.EARN), challengers, stages)


def _asked(section: Section, challengers: tuple[str, ...], baseline: str) -> Asked:
    return Asked(
        challengers,
        baseline,
        section.flag("shadow", True),
        section.number("pair", 1.0, 0.0, 1.0),
        _shares(section, challengers),
        section.number("holdback", 0.05, 0.0, 0.5),
        section.choice("goal", Goal, Goal.EARN),
        play.looks(section),
    )


def _stage(section: Section, challengers: tuple[str, ...], baseline: str, metrics: Sequence[Metric]) -> Stage:
    kind = section.choice("kind", StageKind)
    shares = _stage_shares(section, kind, challengers)
    least, most = section.seconds("min", 0.0) or 0.0, section.seconds("max", None)
    if most is not None and most < least:
        raise section.refuse("max", f"{section.at}.max is shorter than min.")
    judged = section.texts("metrics")
    if unknown := set(judged) - {metric.name for metric in metrics}:
        raise section.refuse("metrics", f"No metric is called {sorted(unknown)[0]}.")
    default = {StageKind.SHADOW: Ends.PAIRED, StageKind.TRIAL: Ends.PERSON}.get(kind, Ends.CLEAN)
    pair = section.number("pair", 1.0 if kind is StageKind.SHADOW else 0.0, 0.0, 1.0)
    if kind is StageKind.SHADOW and (pair == 0 or not baseline):
        raise section.refuse(
            "pair", "A shadow asks a live version and the new one: write a pair share above 0."
        )
    units, named = _units(section, kind)
    return Stage(kind, shares, pair, least, most, section.choice("ends", Ends, default), units, named, judged)


def _units(section: Section, kind: StageKind) -> tuple[tuple[str, ...], int]:
    """A trial serves named units, and no other stage does: who they are, and how many. Of a strategy that is
    kept the number alone is known."""
    kept = section.get("units")
    if kind is StageKind.TRIAL and isinstance(kept, int) and not isinstance(kept, bool) and kept > 0:
        return (), kept
    units = section.texts("units")
    if bool(units) != (kind is StageKind.TRIAL):
        raise section.refuse("units", "A trial, and nothing but a trial, names the units that it serves.")
    if len(units) > MOST_NAMED:
        raise section.refuse("units", f"A trial names at most {MOST_NAMED:,} units.")
    if any(len(unit) > LONGEST_UNIT for unit in units):
        raise section.refuse("units", f"A unit has at most {LONGEST_UNIT:,} characters.")
    return units, len(units)


def _stage_shares(section: Section, kind: StageKind, challengers: tuple[str, ...]) -> Shares:
    if kind in (StageKind.TRIAL, StageKind.SHADOW):
        for name in ("share", "shares"):
            if name in section:
                raise section.refuse(name, f"A {kind} gives no units to a version: leave {name} out.")
        return ()
    if "share" in section:
        if "shares" in section or len(challengers) > 1:
            raise section.refuse("share", "Write shares, one for each version.")
        return ((challengers[0], section.number("share", 0.0, 0.0, 1.0)),)
    shares = _shares(section, challengers)
    if kind is StageKind.SPLIT and not shares:
        raise section.refuse(
            "share", f"{section.at} says which share of units the version gets: write share."
        )
    return shares


def _shares(section: Section, challengers: tuple[str, ...]) -> Shares:
    """{"8": 0.2, "9": 0.2}: versions in the order of the plan, together at most everything."""
    value = section.get("shares")
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        raise section.refuse("shares", f'Write {section.at}.shares such as {{"8": 0.2}}.')
    at = f"{section.at}.shares"
    named = {version_name(name, at): share for name, share in value.items()}
    if unknown := set(named) - set(challengers):
        raise BadInput(
            f"Version {sorted(unknown)[0]} is not among those tried: name it in against.", field=at
        )
    read = Section(named, at, named)
    shares = tuple((arm, read.number(arm, 0.0, 0.0, 1.0)) for arm in challengers if arm in named)
    if sum(share for _, share in shares) > 1 + 1e-9:
        raise BadInput(f"{at} come to more than 1.", field=at)
    return shares


def _check_moves(design: Design, at: str) -> None:
    """From split to split nobody is taken from a version that answered them."""
    split = [(n, stage) for n, stage in enumerate(design.stages) if stage.kind is StageKind.SPLIT]
    for (_, one), (number, other) in pairwise(split):
        if moved_back(weights(one.shares, design.arms), weights(other.shares, design.arms)) > 0:
            raise BadInput(
                "The shares would take units from a version that answered them: let a version's share grow,"
                " and of several the last named one alone.",
                field=f"{at}.stages[{number}].shares",
            )
