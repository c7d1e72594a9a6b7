"""One version that is served alone: a node that is told which follows no plan, and nobody has to make one up.

Cells of a proof are such nodes: what a client will meet, connection, worker and crash included, is there;
what only a release decides (arms, tokens, revisions, signatures) is not.
"""

from __future__ import annotations

import json
from pathlib import Path

from formats.documents import Hex
from formats.plan import WHOLE, Arm, ModelPlan, PlannedVersion, RoutingPlan

REASON = "alone"


def written(model: str, version: PlannedVersion) -> str:
    """The file that tells a node which version to serve, under the name of its model."""
    return json.dumps({"model": model, "version": version.to_json()})


def read(path: Path, environment: str) -> RoutingPlan:
    """What such a node serves: the one version, to whoever reaches its socket.

    Raises OSError, or ValueError with a sentence where the file names no version.
    """
    try:
        document = json.loads(path.read_bytes())
        version = PlannedVersion.from_json(document["version"])
        arm = Arm(version.number, WHOLE, REASON)
        entry = ModelPlan(1, Hex(bytes(16)), (arm,), {version.number: version})
        return RoutingPlan(environment, 1, 0.0, {str(document["model"]): entry}, public=True)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} does not say which version to serve: {error!r}") from error
