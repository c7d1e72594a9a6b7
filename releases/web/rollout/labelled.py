"""What labels say of a version, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from releases.rollout.labelling.counted import Labelled
from releases.web.rollout.words import odds

if TYPE_CHECKING:
    from releases.models import Rollout


def baseline(rollout: Rollout) -> str:
    """The live version's number."""
    return str(rollout.previous.version.number) if rollout.previous else ""


def sentence(told: Labelled, baseline: str) -> str:
    """The verdict on which of two versions is right more often, or how far it is."""
    new, old = f"version {told.version}", f"version {baseline}"
    apart = told.new + told.old
    of = f"of {apart} label{'' if apart == 1 else 's'} that tell them apart, {told.new} for {new}"
    rest = f"; {told.both} with both right and {told.neither} with neither say nothing"
    others = rest if told.both or told.neither else ""
    if told.verdict:
        better, worse = (new, old) if told.verdict == "better" else (old, new)
        return f"{better.capitalize()} is right more often than {worse}: {of}{others}."
    ahead = max(told.found.log_better, told.found.log_worse)
    weighed = f"Evidence {odds(ahead)}, of the {odds(told.found.threshold)} that shows it"
    return f"Which is right more often is open: {of}{others}. {weighed}."
