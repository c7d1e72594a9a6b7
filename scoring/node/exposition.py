"""`/metrics`: the sums over all workers in Prometheus' text form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate

from scoring.telemetry import BOUNDS_S, Meters, at_coarse_bounds

_KINDS = {
    "assay_requests_total": ("counter", "Scoring requests that reached a version."),
    "assay_rows_total": ("counter", "Rows scored."),
    "assay_columns_dropped_total": ("counter", "Columns of tables that the version has no use for."),
    "assay_values_outside_total": ("counter", "Values beyond the limits of an input that were let pass."),
    "assay_cache_total": ("counter", "Requests that looked into the answer cache, by outcome."),
    "assay_errors_total": ("counter", "Scoring requests that ended in an error, by code."),
    "assay_refused_total": ("counter", "Requests refused before a version was chosen, by code."),
    "assay_request_seconds": ("histogram", "Time from a request's last byte to its answer."),
    "assay_node_ready": ("gauge", "1 when the node has loaded what its plan names."),
    "assay_node_stale": ("gauge", "1 when the node follows a plan that nobody confirms any more."),
    "assay_plan_sequence": ("gauge", "Sequence of the plan in force in all workers."),
    "assay_plan_revision": ("gauge", "Revision in force in all workers, per model."),
    "assay_workers": ("gauge", "Workers that follow the plan in force."),
    "assay_worker_restarts_total": ("counter", "Workers replaced since the node's start."),
    "assay_crashes_total": ("counter", "Workers that died while this version was running or loading."),
    "assay_crashes_unattributed_total": ("counter", "Workers that died for no reason that could be told."),
    "assay_version_broken": ("gauge", "1 for each version that this node has given up."),
    "assay_poison_blocked": ("gauge", "Requests that are not run again for a while, per version."),
    "assay_worker_memory_bytes": ("gauge", "Resident memory of a worker."),
    "assay_prediction_log_dropped_total": ("counter", "Answers that were to be logged and are not."),
    "assay_spool_bytes": ("gauge", "Feedback that the control plane has not yet acknowledged."),
}
_BOUNDS = [*(f'le="{bound:g}"' for bound in BOUNDS_S), 'le="+Inf"']
Sample = tuple[str, Mapping[str, object], float]


def render(meters: Meters, samples: Iterable[Sample]) -> str:
    """The whole page, O(n) in versions that were asked: some 2 kB of each. `samples` are the node's own:
    name, labels, value."""
    lines: dict[str, list[str]] = {name: [] for name in _KINDS}
    own = ((name, f"{{{_written(labels)}}}" if labels else "", value) for name, labels, value in samples)
    for name, labels, value in (*_counted(meters), *own):
        family = name if name in lines else name.rpartition("_")[0]
        lines[family].append(f"{name}{labels} {value:.17g}")
    out = []
    for name, rows in lines.items():
        kind, words = _KINDS[name]
        out += [f"# HELP {name} {words}", f"# TYPE {name} {kind}", *rows]
    return "\n".join(out) + "\n"


def _counted(meters: Meters) -> Iterable[tuple[str, str, float]]:
    """Names, labels as they are written, and values. Of each version the labels are written once."""
    for cell, meter in sorted(meters.by_arm().cells.items()):
        of = _written({"model": cell.model, "version": cell.version, "arm": cell.arm})
        yield "assay_requests_total", f"{{{of}}}", meter.requests
        yield "assay_rows_total", f"{{{of}}}", meter.rows
        if meter.dropped:
            yield "assay_columns_dropped_total", f"{{{of}}}", meter.dropped
        if meter.hits or meter.misses:
            yield from _by_word(of, "assay_cache_total", "outcome", {"hit": meter.hits, "miss": meter.misses})
        yield from _by_word(of, "assay_values_outside_total", "input", meter.outside)
        yield from _by_word(of, "assay_errors_total", "code", meter.errors)
        counts = accumulate(at_coarse_bounds(meter.buckets))
        for bound, count in zip(_BOUNDS, counts, strict=True):
            yield "assay_request_seconds_bucket", f"{{{of},{bound}}}", count
        yield "assay_request_seconds_sum", f"{{{of}}}", meter.seconds
        yield "assay_request_seconds_count", f"{{{of}}}", sum(meter.buckets.values())
    for code, count in sorted(meters.refused.items()):
        yield "assay_refused_total", f"{{{_written({'code': code})}}}", count


def _by_word(of: str, name: str, word: str, counts: Mapping[str, int]) -> Iterable[tuple[str, str, float]]:
    for value, count in sorted(counts.items()):
        yield name, f"{{{of},{_written({word: value})}}}", count


def _written(labels: Mapping[str, object]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
