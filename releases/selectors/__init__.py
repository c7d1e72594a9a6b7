"""Reads of the release side, by noun."""

from releases.selectors.feedback import feedback_by_version
from releases.selectors.gates import MEASURED, damaged_artifacts, kept_answers, measured, proofs
from releases.selectors.live import champion, champions, is_live, restorable, returnable
from releases.selectors.policy_facts import builders, condemned, facts, facts_of, refuse_opening, signatures
from releases.selectors.releases import (
    HEAVY,
    given_up,
    latest_releases,
    lines,
    lines_of,
    lines_of_version,
    release,
    released,
    releases_of_version,
    timeline,
)
from releases.selectors.routes import (
    BY_ROLLOUTS,
    current_routes,
    decided_by,
    environment,
    environments,
    last_revised,
    route,
)

__all__ = [
    "BY_ROLLOUTS",
    "HEAVY",
    "MEASURED",
    "builders",
    "champion",
    "champions",
    "condemned",
    "current_routes",
    "damaged_artifacts",
    "decided_by",
    "environment",
    "environments",
    "facts",
    "facts_of",
    "feedback_by_version",
    "given_up",
    "is_live",
    "kept_answers",
    "last_revised",
    "latest_releases",
    "lines",
    "lines_of",
    "lines_of_version",
    "measured",
    "proofs",
    "refuse_opening",
    "release",
    "released",
    "releases_of_version",
    "restorable",
    "returnable",
    "route",
    "signatures",
    "timeline",
]
