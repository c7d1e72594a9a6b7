"""Numbers as people read them."""

from __future__ import annotations

import math

DASH = "\u2013"
_STEPS = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"), (1.0, "second"))


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


def duration(seconds: float) -> str:
    """In its largest whole unit, to two parts at most: "10 minutes", "1 day 6 hours"."""
    left, told = round(seconds), list[str]()
    for size, name in _STEPS:
        many, left = divmod(left, int(size))
        if many:
            told.append(f"{many} {name}{'' if many == 1 else 's'}")
        elif told:
            break
    return " ".join(told[:2]) or "0 seconds"


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
