"""A version that fails a data gate while it is on its way to clients comes back by itself.

It may be proven again, for another environment, while a rollout brings it to clients here. What failed then
can never be served, so that it is taken out of its rollout; the last to leave ends it. What is live already
stays, for people to decide about: what answered before it may be worse.
"""

from __future__ import annotations

import logging

from releases import selectors
from releases.lifecycle import State
from releases.models import Environment, Release
from releases.services import steering
from releases.services.gating import ACTOR

log = logging.getLogger(__name__)


def watch(environment: Environment) -> None:
    """Take out what has failed. Each tick asks, so that it does not matter when, where and how it failed."""
    rolling = Release.objects.filter(environment=environment, state=State.ROLLING_OUT)
    known = list(rolling.select_related("version").order_by("pk"))
    reasons = selectors.condemned({each.version_id for each in known}) if known else {}
    for release in known:
        if release.version_id not in reasons:
            continue
        try:
            steering.turn_back(release, by=ACTOR, reason=reasons[release.version_id])
        except Exception:
            log.exception("%s could not be taken back, and is with the next tick", release)
