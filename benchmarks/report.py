"""What was measured, as tables: for the terminal and for docs/performance.md. JSON in, Markdown out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.capacity import BARE, BINARY, HELLO, OURS
from benchmarks.measures import Measure

BEGIN = "<!-- figures: `make bench WRITE=1` writes them; a test compares them with benchmarks/results -->"
END = "<!-- /figures -->"
_HEAD = (
    "server",
    "CPU µs / request",
    "requests / s",
    "p50 ms",
    "p99 ms",
    "capacity to FastAPI",
    "CPU to the bounds",
)
Row = Sequence[str]
_BUSY = " **The machine was busy with other work: the figures show that all of it runs, no more.**"


@dataclass(frozen=True, slots=True)
class _Aim:
    """What a case is to reach: `key` of a server's figures, at least (or at most) `bound`."""

    workload: str
    rows: int
    server: str
    key: str
    bound: float


_WORDS = {"to_fastapi": "capacity to FastAPI", "to_bounds": "CPU to the bounds"}
_AIMS = (
    *(_Aim(name, 1, OURS, "to_fastapi", least) for name, least in (("W1", 12), ("W2", 11), ("W3", 11))),
    *(_Aim(name, 1, OURS, "to_bounds", 1.7) for name in ("W1", "W2", "W3")),
    *(_Aim(name, 100, BINARY, "to_fastapi", least) for name, least in (("W1", 20), ("W2", 17), ("W3", 4.7))),
)


def case_title(case: dict[str, Any]) -> str:
    count = case["rows"]
    return f"{case['workload']}, {case['words']}, {count} row{'s' if count > 1 else ''} per request"


def case_rows(case: dict[str, Any]) -> Iterator[Row]:
    """The table of one case without its head, dearest last; the bounds at the end."""
    servers = {name: figures for name, figures in case["servers"].items() if name != HELLO}
    for name, figures in sorted(servers.items(), key=lambda item: item[1]["cpu_us"]):
        yield (
            name,
            _number(figures["cpu_us"]),
            f"{figures['rate']:,.0f}",
            *(_number(figures[key]) for key in ("p50_ms", "p99_ms")),
            _times(figures.get("to_fastapi")),
            _times(figures["to_bounds"]),
        )
    hello = case["servers"][HELLO]["cpu_us"]
    bounds = f"{_number(hello)} + {_number(case['run_us'])}"
    yield ("bounds: an HTTP hello + `session.run`", bounds, "", "", "", "", _times(1.0))


def markdown(document: dict[str, Any]) -> str:
    """All that stands between the markers of docs/performance.md."""
    parts = [_machine(document)]
    for case in document["capacity"]:
        parts += [f"### {case_title(case)}", _table(_HEAD, case_rows(case), right=6)]
    parts += ["### What was to be reached", _table(("measure", "found", "to reach", ""), _aims(document))]
    if document["absent"]:
        parts.append(
            "Not measured: " + "; ".join(f"{n}: {why}" for n, why in document["absent"].items()) + "."
        )
    return "\n\n".join(parts)


def between_markers(page: str, text: str) -> str:
    """The page with `text` as its figures. Raises ValueError when a marker is missing."""
    before, after = page.index(BEGIN) + len(BEGIN), page.index(END)
    return f"{page[:before]}\n\n{text}\n\n{page[after:]}"


def plain_case(case: dict[str, Any]) -> str:
    """One case for the terminal."""
    return f"\n{case_title(case)}\n" + _aligned([_HEAD, *case_rows(case)])


def plain_measure(measure: dict[str, Any]) -> str:
    name, found, reach, verdict = _measure_row(measure)
    return f"{name}: {found}" + (f"; to reach: {reach}, {verdict}" if reach else "")


def _machine(document: dict[str, Any]) -> str:
    machine, pace = document["machine"], document["pace"]
    versions = ", ".join(
        f"{title} {next(iter(each.values()), '')}".strip() for title, each in document["versions"].items()
    )
    return (
        f"Measured on {document['at']} on {machine['cores']} cores of {machine['cpu']} "
        f"(load average before: {machine['load']:.1f}), Python {machine['python']}, "
        f"onnxruntime {machine['onnxruntime']}: {pace['rounds']} rounds of {pace['seconds']:g} s, "
        f"{pace['connections']} connections."
        + (f" Peers: {versions}." if versions else "")
        + (_BUSY if machine["load"] > machine["cores"] / 2 else "")
    )


def _aims(document: dict[str, Any]) -> Iterator[Row]:
    cases = {(case["workload"], case["rows"]): case["servers"] for case in document["capacity"]}
    for aim in _AIMS:
        servers = cases.get((aim.workload, aim.rows), {})
        found = servers.get(aim.server, {}).get(aim.key)
        if found is not None:
            kind = "one row" if aim.rows == 1 else f"{aim.rows} rows, binary"
            yield (f"{aim.workload}, {kind}: {_WORDS[aim.key]}", *_judged(aim, found, servers))
    yield from map(_measure_row, document["measures"])


def _judged(aim: _Aim, found: float, servers: dict[str, Any]) -> tuple[str, str, str]:
    """What was found, beside what anybody could: the bounds are FastAPI's CPU divided by their own."""
    if aim.key == "to_fastapi":
        there = f"the bounds: {_times(servers['FastAPI']['to_bounds'])}"
        if aim.server == OURS and BARE in servers:
            there += f", {BARE}: {_times(servers[BARE]['to_fastapi'])}"
        return f"{_times(found)} ({there})", f"≥ {aim.bound:g} x", _verdict(found >= aim.bound)
    return _times(found), f"≤ {aim.bound:g} x", _verdict(found <= aim.bound)


def _measure_row(document: dict[str, Any]) -> Row:
    measure = Measure(**document)
    found = f"{_number(measure.value)} {measure.unit} ({measure.detail})"
    if measure.reach is None:
        return (measure.name, found, "", "")
    sign = "≥" if measure.least else "≤"
    reach = f"{sign} {float(f'{measure.reach:.2g}'):g} {measure.unit}" if measure.reach else "none"
    return (measure.name, found, reach, _verdict(bool(measure.reached)))


def _verdict(reached: bool) -> str:
    return "reached" if reached else "**not reached**"


def _number(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _times(value: float | None) -> str:
    return "" if value is None else f"{_number(value)} x"


def _table(head: Row, rows: Iterator[Row], right: int = 0) -> str:
    """A Markdown table whose last `right` columns are aligned to the right."""
    rules = ["---"] * (len(head) - right) + ["---:"] * right
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rules, *rows))


def _aligned(rows: Sequence[Row]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )
