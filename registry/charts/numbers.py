"""Numbers as people read them."""

from __future__ import annotations

import math

DASH = "\u2013"


def figure(value: object) -> str:
    """A number as people read it: at most four significant digits, thousands apart, a dash for none."""
    if value is None or value == "":
        return DASH
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if value and (abs(value) >= 1e7 or abs(value) < 1e-4):
        return f"{value:.3g}"
    return f"{value:,.0f}".replace(",", "\u202f") if abs(value) >= 10_000 else f"{value:.4g}"


def rough(value: float | None) -> str:
    """A measured number that is known to two digits and claims no more."""
    if value is None:
        return DASH
    if not value:
        return "0"
    if not math.isfinite(value) or abs(value) >= 1e7 or abs(value) < 1e-4:
        return f"{value:.2g}"
    places = max(1 - math.floor(math.log10(abs(value))), 0)
    return figure(float(round(value, places))) if abs(value) < 100 else figure(round(value))


def percent(value: float | None) -> str:
    """A share between 0 and 1 as a percentage."""
    return DASH if value is None else f"{value * 100:.3g} %"
