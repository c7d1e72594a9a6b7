"""What Triton says of a model beside the open protocol: its configuration and its statistics."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from formats.types import FREE, SAMPLES, Signature, TensorSpec
from scoring.telemetry import Meter, Meters

NOT_CLIENTS = frozenset({"internal", "mirror"})
"""Arms whose requests nobody outside has sent."""
_NS = 1e9
"""The protocol counts in nanoseconds."""


def config(name: str, signature: Signature, *, most_rows: int, batching: bool) -> dict[str, object]:
    """A version's configuration. Dimensions are those of one row where a request may have many."""
    specs = (*signature.inputs, *signature.outputs)
    rows = signature.row_kind(None) == SAMPLES and all(spec.shape[:1] == (FREE,) for spec in specs)
    document: dict[str, Any] = {
        "name": name,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "max_batch_size": most_rows if rows else 0,
        "input": [
            {**_tensor(spec, rows), **({"optional": True} if spec.optional else {})}
            for spec in signature.inputs
        ],
        "output": [_tensor(spec, rows) for spec in signature.outputs],
    }
    return document | ({"dynamic_batching": {}} if batching and rows else {})


def statistics(meters: Meters, wanted: Collection[tuple[str, int]]) -> dict[str, object]:
    """What clients asked of these versions since the workers' start, by model and number."""
    return {"model_stats": [_statistics(meters, name, number) for name, number in sorted(wanted)]}


def _statistics(meters: Meters, name: str, number: int) -> dict[str, object]:
    total = Meter()
    for cell, meter in meters.cells.items():
        if (cell.model, cell.version) == (name, number) and cell.arm not in NOT_CLIENTS:
            total.add(meter.to_json())
    failed = sum(total.errors.values())
    answered = total.requests - failed
    ran = answered - total.hits
    reading, queued, running, writing = total.split
    return {
        "name": name,
        "version": str(number),
        "last_inference": total.last_ms,
        "inference_count": total.rows,
        "execution_count": total.runs,
        "inference_stats": {
            "success": _duration(answered, total.seconds),
            "fail": _duration(failed, 0.0),
            "queue": _duration(ran, queued),
            "compute_input": _duration(ran, reading),
            "compute_infer": _duration(ran, running),
            "compute_output": _duration(ran, writing),
            "cache_hit": _duration(total.hits, 0.0),
            "cache_miss": _duration(total.misses, 0.0),
        },
        "batch_stats": [],
    }


def _duration(count: int, seconds: float) -> dict[str, int]:
    return {"count": count, "ns": int(seconds * _NS)}


def _tensor(spec: TensorSpec, rows: bool) -> dict[str, object]:
    kind = "STRING" if spec.datatype == "BYTES" else spec.datatype
    return {"name": spec.name, "data_type": f"TYPE_{kind}", "dims": list(spec.shape[1 if rows else 0 :])}


def pairs(items: Iterable[dict[str, Any]]) -> set[tuple[str, int]]:
    """The versions that a worker asks about."""
    return {(str(item["name"]), int(item["version"])) for item in items}
