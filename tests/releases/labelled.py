"""Answers in the prediction log as nodes keep them: a client's, and what another version said unheard."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from formats.types import Signature
from registry.stores import artifact_store
from releases import selectors
from releases.models import PredictionSegment, Rollout
from scoring.control import Part, Sample
from scoring.node.outbox.segments import pack
from scoring.request_ids import Issuer, model_tag
from scoring.routing import unit_hasher


def keep(
    rollout: Rollout,
    units: Iterable[str],
    *,
    client: float = 1.0,
    unheard: float = 2.0,
    versions: tuple[int, int] = (1, 2),
    rows: int = 1,
    shape: tuple[int, ...] = (1, 2),
    names: tuple[str, str] = ("x", "y"),
) -> None:
    """Each unit asked once: `versions[0]` answered it, `versions[1]` was asked the same."""
    said, heard = [], []
    route = selectors.route(rollout.model, rollout.environment)
    hashed, moment = unit_hasher(bytes.fromhex(rollout.salt)), int(time.time() * 1000)
    issuer = Issuer(bytes(32), model_tag(rollout.model.name), versions[0], route.revision, 0)
    for place, unit in enumerate(units):
        request = issuer.issue(hashed(unit), moment, place, rows).decode()
        x = np.resize(np.arange(place, place + 17, dtype="<f4"), shape)
        facts: dict[str, Any] = {"request_id": request, "unit": hashed(unit), "rows": rows}
        said.append(_sample(rollout, versions[0], client, moment, [Part(list(shape), x.tobytes())], **facts))
        heard.append(_sample(rollout, versions[1], unheard, moment, [None], shadow=True, **facts))
    for samples, version in ((said, versions[0]), (heard, versions[1])):
        _archive(rollout, version, samples, list(shape), names)


def twelve(rollout: Rollout) -> None:
    """As many units of the small world's digits, answered by the live version."""
    versions = (rollout.previous.version.number, rollout.release.version.number)
    units = [f"user-{number}" for number in range(12)]
    keep(rollout, units, versions=versions, shape=(1, 64), names=("pixels", "label"))


def _sample(
    rollout: Rollout, version: int, y: float, moment: int, inputs: list[Part | None], **facts: Any
) -> Sample:
    answer = Part([1, 1], np.array([[y]], "<f4").tobytes())
    given = {
        "model": rollout.model.name,
        "version": version,
        "arm": "champion",
        "at_ms": moment,
        "micros": 1000,
    }
    return Sample(**given, inputs=inputs, outputs=[answer], **facts)


def _archive(
    rollout: Rollout, version: int, samples: list[Sample], shape: list[int], names: tuple[str, str]
) -> None:
    signature = Signature.from_json(
        {
            "inputs": [{"name": names[0], "datatype": "FP32", "shape": [-1, *shape[1:]]}],
            "outputs": [{"name": names[1], "datatype": "FP32", "shape": [-1, 1]}],
        }
    )
    content = pack(samples, signature)
    stored, now = artifact_store().put(io.BytesIO(content)), datetime.now(UTC)
    PredictionSegment.objects.create(
        environment=rollout.environment,
        model=rollout.model,
        version=version,
        node="n1",
        from_at=now,
        to_at=now,
        requests=len(samples),
        rows=len(samples),
        digest=stored.digest,
        size=len(content),
    )
