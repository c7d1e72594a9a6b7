"""The capacity of each server as bars, one panel per workload: an SVG for light and dark pages."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from benchmarks.capacity import BARE, HELLO, OURS

_WIDTH, _LEFT, _RIGHT = 760, 190, 90
_BAR, _STEP, _HEAD, _GAP = 16, 24, 34, 20
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .note { fill: #59636e }
  .ours { fill: #0b6bcb }
  .peer { fill: #a8b1bb }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #9198a1 }
    .ours { fill: #58a6ff }
    .peer { fill: #59636e }
  }
"""


def draw(document: dict[str, Any]) -> str:
    """Requests per second of one core, one row per request, for each workload. An SVG document."""
    panels = [case for case in document["capacity"] if case["rows"] == 1]
    top, parts = 30, ['<text class="title" x="0" y="16">Requests per second of one core, one row each</text>']
    for case in panels:
        parts += _panel(case, top)
        top += _HEAD + _STEP * len(_servers(case)) + _GAP
    height = top - _GAP + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-label="Requests per second of one core">\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(case: dict[str, Any], top: int) -> Iterator[str]:
    servers = _servers(case)
    longest = max(rate for _, rate, _ in servers)
    yield f'<text class="note" x="0" y="{top + 18}">{escape(case["workload"] + ": " + case["words"])}</text>'
    for place, (name, rate, ratio) in enumerate(servers):
        y = top + _HEAD + place * _STEP
        width = max(2.0, rate / longest * (_WIDTH - _LEFT - _RIGHT - 50))
        kind = "ours" if name.startswith(OURS) else "peer"
        label = f"{rate:,.0f}" + (f" · {ratio:.3g}x" if ratio is not None else "")
        yield f'<text x="{_LEFT - 10}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
        yield f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="3"/>'
        yield f'<text class="note" x="{_LEFT + width + 8:.1f}" y="{y + 13}">{label}</text>'


def _servers(case: dict[str, Any]) -> list[tuple[str, float, float | None]]:
    """Name, requests per second of a full core, capacity to FastAPI; the fastest first."""
    found = [
        (name, 1e6 / figures["cpu_us"], figures.get("to_fastapi"))
        for name, figures in case["servers"].items()
        if name not in (BARE, HELLO)
    ]
    return sorted(found, key=lambda server: -server[1])
