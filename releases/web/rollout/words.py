"""What a rollout does and has found, in words for readers without statistics. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log

from registry.charts.numbers import duration, figure, percent
from releases.rollout.designs.design import Design, Ends, Kind, Mode, Shares, Stage, StageKind
from releases.rollout.designs.metrics import ERRORS, INVALID, LATENCY, TIMEOUTS
from releases.rollout.overview import Needed
from releases.rollout.strategies.base import Aim, Finding, Verdict
from releases.rollout.strategies.rules import MOST_ODDS

METRICS: Mapping[str, str] = {
    ERRORS: "errors",
    TIMEOUTS: "time-outs",
    INVALID: "invalid outputs",
    LATENCY: "slow answers",
}
DOES: Mapping[Kind, str] = {
    Kind.SINGLE: "all traffic at once, with the version before kept warm for an instant return",
    Kind.SHADOW: "clients notice nothing: the new version is asked too, and answers are compared",
    Kind.CANARY: "a growing share of units, and all of them only on evidence",
    Kind.BLUE_GREEN: "nearly all units at once, with a few kept back to compare with",
    Kind.AB_TEST: "fixed shares, to measure what a business wants to know",
    Kind.BANDIT: "shares that follow what each version brings",
    Kind.AA: "the same version twice; a difference found here is a fault of the measurement",
}
ASKS: Mapping[Verdict, str] = {
    Verdict.MOVE: "Begin the next stage?",
    Verdict.PROMOTE: "Promote version {arm}?",
    Verdict.ROLL_BACK: "Roll version {arm} back?",
    Verdict.END_TRIAL: "End the rollout, with version {arm} left as approved?",
}
UNBALANCED = {"units": "units", "triggered": "units with differing answers"}
_NOTHING = log(1.05)


def differing(design: Design) -> str:
    """By what answers differ."""
    return f"of these, in {joined(design.compare)}" if design.compare else "of these"


def metric(name: str) -> str:
    return METRICS.get(name, name.replace("_", " "))


def joined(words: Sequence[str], last: str = "and") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""


def version(arm: str) -> str:
    """By its number; before it has one, by what it will be."""
    return f"version {arm}" if arm.isdecimal() else f"the {arm} version"


def versions(arms: Sequence[str]) -> str:
    return version(arms[0]) if len(arms) == 1 else f"versions {joined(arms)}"


# --- stages -------------------------------------------------------------------------------------------


def stage_label(stage: Stage) -> str:
    if stage.kind is StageKind.SPLIT:
        return " + ".join(percent(share) for _, share in stage.shares) or percent(0.0)
    return stage.kind.capitalize()


def stage_does(design: Design, stage: Stage) -> str:
    """Who is answered by what while the stage lasts."""
    new = versions(design.challengers)
    if stage.kind is StageKind.SHADOW:
        asked = "" if stage.pair >= 1 else f", for {percent(stage.pair)} of the units"
        is_asked = "is" if len(design.challengers) == 1 else "are"
        return (
            f"Clients are answered by {version(design.baseline)} alone. {_first(new)} {is_asked} asked the"
            f" same unseen{asked}, and the answers are compared pair by pair."
        )
    if stage.kind is StageKind.TRIAL:
        many = f"{figure(stage.named)} named unit{' is' if stage.named == 1 else 's are'}"
        told = f"{many} answered by {new}, and nobody else."
    elif design.kind is Kind.AA:
        told = (
            f"Half of the units are answered by version {design.baseline} and half by the same once more,"
            f" which stands here as version {design.challengers[0]}."
        )
    else:
        told = _split(design, stage.shares)
    if stage.kind is StageKind.BANDIT:
        looks = [feature.name for feature in design.play.features]
        told = f"{told} Then shares follow what each version brings{' by ' + joined(looks) if looks else ''}."
    others = "The other version is" if len(design.challengers) == 1 else "The other versions are"
    return f"{told} {others} asked the same unseen." if stage.pair else told


def _first(words: str) -> str:
    return words[:1].upper() + words[1:]


def _split(design: Design, shares: Shares) -> str:
    given = [f"{percent(share)} of the units are answered by {version(arm)}" for arm, share in shares]
    rest = 1 - sum(share for _, share in shares)
    if len(shares) == 1 and (rest < 1e-9 or not design.baseline):
        return f"All units are answered by {version(shares[0][0])} at once."
    return f"{joined([*given, f'{percent(rest)} by {version(design.baseline)}'])}."


def stage_ends(design: Design, place: int) -> str:
    """What ends the stage, and what then follows."""
    stage, last = design.stages[place], place + 1 == len(design.stages)
    new = versions(design.challengers)
    is_ = "is" if len(design.challengers) == 1 else "are"
    follows = "a person is asked" if design.mode is Mode.PROPOSE else _follows(design, place)
    if design.kind is Kind.AA:
        return "Then it ends by itself, with a verdict on the measurement."
    if design.kind is Kind.SINGLE:
        return f"{_first(new)} is live as soon as every node answers with it."
    if stage.ends is Ends.PERSON:
        asked = stage.kind is StageKind.TRIAL
        return "A person is asked whether to go on." if asked else "A person ends it."
    if design.kind is Kind.SHADOW and last:
        return f"When pairs of answers show that {new} {is_} no worse, a person is asked whether to promote."
    conditions = {
        Ends.CLEAN: f"nothing has spoken against {new} for that long",
        Ends.PAIRED: f"pairs of answers show that {new} {is_} no worse",
        Ends.PROMOTABLE: f"{new} {is_} shown to be as safe as allowed",
        Ends.WINNER: "one version is shown to be the best",
    }
    return f"When {conditions[stage.ends]}, {follows}."


def _follows(design: Design, place: int) -> str:
    if place + 1 < len(design.stages):
        return f"stage {place + 2} begins"
    return "it is promoted" if len(design.challengers) == 1 else "that one is promoted"


def stage_lasts(stage: Stage) -> str:
    """How long at least, and after how long a person is asked."""
    least = f"At least {duration(stage.least_seconds)}" if stage.least_seconds else ""
    if stage.most_seconds is None:
        return f"{least}." if least else ""
    most = f"after {duration(stage.most_seconds)} a person is asked"
    return f"{least}; {most}." if least else f"{_first(most)}."


def spares_nobody(design: Design) -> bool:
    """Whether clients meet the new version before any of its answers was compared."""
    return design.kind not in (Kind.SINGLE, Kind.AA) and design.stages[0].kind is not StageKind.SHADOW


def acts(design: Design) -> str:
    if design.kind is Kind.AA:
        return "The same version twice: a difference found here is a fault of the measurement."
    if design.mode is Mode.PROPOSE:
        return "Asks a person before every step, with the evidence frozen beside the button."
    return "Acts by itself: goes on, promotes and goes back on evidence."


# --- evidence -----------------------------------------------------------------------------------------


def odds(log_evidence: float) -> str:
    """ "40 to 1"; of what speaks for neither, or against it, "none yet"."""
    if log_evidence < _NOTHING:
        return "none yet"
    if log_evidence > log(MOST_ODDS):
        return "over a million to 1"
    times = exp(log_evidence)
    digits = 1 if times < 10 else 0
    return f"{figure(round(times, digits) if digits else round(times))} to 1"


def claim(found: Finding, baseline: str) -> str:
    """What the evidence would show once it is at its threshold."""
    of = metric(found.metric)
    told = {
        Aim.WORSE: f"{of} are more frequent than with version {baseline}",
        Aim.WORSE_IN_PAIRS: f"{of} are more frequent than with version {baseline}, on the same requests",
        Aim.ONSET: f"{of} have become more frequent since some time",
        Aim.OBSERVED: f"{of} are more frequent than before the rollout",
        Aim.SAFE: f"{of} are rare enough, or no more frequent than allowed",
        Aim.SAFE_IN_PAIRS: f"{of} are rare enough on the same requests",
        Aim.BETTER: f"{of} are better than with version {baseline}",
        Aim.BEST: f"version {found.arm} is the best one in {of}",
        Aim.OVER_LIMIT: f"{of} are over the limit, whichever version answers",
        Aim.UNBALANCED: f"the versions do not get the {UNBALANCED.get(found.metric, of)} that they should",
    }
    return _first(told[found.aim])


def compared(found: Finding) -> str:
    """The figure in words: how strong it is, of how much it takes."""
    if found.reached:
        return f"shown: {odds(found.peak)}, where {odds(found.threshold)} was needed"
    so_far = "no evidence yet" if found.peak < _NOTHING else f"evidence {odds(found.peak)}"
    return f"{so_far}, of the {odds(found.threshold)} that {_does(found)}"


def _does(found: Finding) -> str:
    if found.aim in (Aim.SAFE, Aim.SAFE_IN_PAIRS, Aim.BETTER, Aim.BEST):
        return "shows it"
    if found.aim in (Aim.OVER_LIMIT, Aim.UNBALANCED):
        return "alarms"
    return {"roll_back": "returns it", "hold": "holds it back"}.get(found.action, "is told")


def missing_of(needed: Needed, design: Design) -> str:
    """The same, with the version where there are several."""
    told = missing(needed)
    return told if len(design.challengers) == 1 else f"Version {needed.finding.arm}. {told}"


def missing(needed: Needed) -> str:
    """How much more it takes, as far as anybody can say."""
    found, of = needed.finding, metric(needed.finding.metric)
    pairs = found.aim in (Aim.SAFE_IN_PAIRS, Aim.WORSE_IN_PAIRS)
    if found.reached:
        return f"{_first(of)}: shown."
    if needed.more is None:
        return f"{_first(of)}: more evidence; how much cannot be told yet."
    units = "paired units" if pairs else "units"
    if found.aim in (Aim.SAFE, Aim.SAFE_IN_PAIRS):
        return f"{_first(of)}: about {figure(needed.more)} more {units} without any."
    alone = "of it alone" if pairs else "with none of the other version's between"
    one = needed.more == 1
    return f"{_first(of)}: {figure(needed.more)} more unit{'' if one else 's'} with {of} {alone}."
