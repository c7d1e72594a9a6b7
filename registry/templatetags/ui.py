"""The parts of a page: each fact has one place where it turns into a word, an icon and a colour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django import template
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from registry.charts.numbers import DASH, figure, percent, rough
from registry.looks import EVENTS
from registry.names import isolated
from registry.web import cards

if TYPE_CHECKING:
    from django.forms import BoundField

register = template.Library()
register.filter(figure)
register.filter(rough)
register.filter(percent)

TIMES = "\u00d7"

Look = dict[str, str]

TONE_ICONS: dict[str, str] = {
    "info": "info",
    "positive": "check",
    "caution": "warning",
    "danger": "cross",
    "neutral": "dot",
}


def look(table: Mapping[str, tuple[str, str]], value: object, label: str = "") -> Look:
    """The words, icon and tone of a value; an unknown value is shown as it is, neutral."""
    icon_name, tone = table.get(str(value), ("dot", "neutral"))
    return {"label": label or str(value).replace("_", " "), "icon": icon_name, "tone": tone}


@register.inclusion_tag("components/icon.html")
def icon(name: str, tone: str = "", label: str = "") -> Look:
    """An icon of `icons.svg`. Decoration unless it has a label."""
    return {"name": name, "tone": tone, "label": label}


@register.inclusion_tag("components/icon.html")
def tone_icon(tone: str, shape: str = "", **others: str) -> Look:
    """The icon of a tone; `others` names those for which a place has its own."""
    return {"name": others.get(tone) or TONE_ICONS[tone], "tone": tone, "shape": shape}


@register.inclusion_tag("components/arrow.html")
def arrow() -> Look:
    """What turns where something folds open."""
    return {}


@register.inclusion_tag("components/chip.html")
def chip(label: object, tone: str = "neutral", icon: str = "") -> Look:
    """A word with an icon on a coloured ground: never colour alone."""
    return {"label": str(label), "tone": tone, "icon": icon or TONE_ICONS.get(tone, "dot")}


@register.inclusion_tag("components/digest.html")
def digest(value: str | None, length: int = 12, what: str = "digest") -> dict[str, object]:
    """A digest cut to `length` characters, the whole one on hover and on the clipboard."""
    text = value or ""
    return {"value": text, "short": text[:length], "cut": len(text) > length, "what": what}


@register.inclusion_tag("components/when.html")
def when(moment: datetime | None, missing: str = "never", exact: bool = False) -> dict[str, object]:
    """A moment in UTC; the browser makes "3 minutes ago" of it where it can, unless it is to be `exact`."""
    return {"moment": moment.astimezone(UTC) if moment else None, "missing": missing, "exact": exact}


@register.inclusion_tag("components/timeline.html")
def timeline(entries: Iterable[object], empty: str = "Nothing has happened yet.") -> dict[str, object]:
    """Entries with `kind`, `text`, `at`, `seq` and optionally `tone`, `words` and `detail`."""
    return {"entries": [{"entry": entry, **_entry_look(entry)} for entry in entries], "empty": empty}


def _entry_look(entry: object) -> Look:
    tone = _get(entry, "tone")
    found = look(EVENTS, _get(entry, "kind"))
    if not tone:
        return found
    return found | {
        "tone": tone,
        "icon": TONE_ICONS[tone] if found["icon"] in {"dot", "check"} else found["icon"],
    }


def _get(entry: object, name: str) -> str:
    value = entry.get(name, "") if isinstance(entry, dict) else getattr(entry, name, "")
    return str(value or "")


@register.inclusion_tag("components/snippet.html")
def snippet(text: str, label: str) -> dict[str, str]:
    """Code to read and to copy."""
    return {"text": text, "label": label}


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, hint: str = "", name: str = "") -> dict[str, object]:
    """One field of a form with its label, hint and errors tied to it for screen readers.

    `name` is what the API calls it.
    """
    return {"field": bound, "hint": hint or bound.help_text, "name": name}


@register.inclusion_tag("components/pager.html", takes_context=True)
def pager(context: template.Context, page: object) -> dict[str, object]:
    """Links to the neighbours of a keyset page (`page.next`, `page.previous`: cursors or empty)."""
    query = context["request"].GET.copy()
    links = {}
    for way in ("previous", "next"):
        cursor = _get(page, way)
        if cursor:
            query["cursor"] = cursor
            links[way] = "?" + query.urlencode()
    return links


@register.inclusion_tag("components/filter.html", takes_context=True)
def filter_bar(
    context: template.Context, form: object, total: object, noun: str, anchor: str = ""
) -> dict[str, object]:
    """The fields by which a list is filtered, folded away until one is used, and how many rows it has."""
    return {"form": form, "total": total, "noun": noun, "anchor": anchor, "path": context["request"].path}


@register.inclusion_tag("components/heading.html", takes_context=True)
def sorted_by(
    context: template.Context, form: Any, column: str, label: str, numeric: bool = False
) -> dict[str, object]:
    """The heading of a column by which a list can be ordered; a second use turns the order round."""
    rising, falling = column, f"-{column}"
    ways = {rising: "ascending", falling: "descending"}
    first = next(value for value in form.orders if value in ways)
    other = falling if form.sort == rising else rising
    query = context["request"].GET.copy()
    query.pop("cursor", None)
    query["sort"] = other if form.sort in ways else first
    address = "?" + query.urlencode()
    return {"label": label, "address": address, "way": ways.get(form.sort, ""), "numeric": numeric}


@register.simple_block_tag
def card(content: SafeString, title: str = "", **options: object) -> SafeString:
    """A titled box. Options: `id`, `flush` (no padding), `level` (heading, default 2), `note`."""
    return render_to_string(
        "components/card.html", {"content": content, "title": title, "level": 2, **options}
    )


@register.simple_block_tag
def notice(content: SafeString, tone: str = "info", **options: object) -> SafeString:
    """A message in place. Options: `focus` (takes the focus after a swap), `role`."""
    return render_to_string(
        "components/notice.html", {"content": content, "tone": tone, "icon": TONE_ICONS[tone], **options}
    )


@register.simple_block_tag
def empty(content: SafeString, title: str, icon: str = "inbox") -> SafeString:
    """What is shown where nothing is: says what would be here and how it comes."""
    return render_to_string("components/empty.html", {"content": content, "title": title, "icon": icon})


@register.simple_block_tag
def dialog(content: SafeString, id: str, title: str) -> SafeString:
    """A confirm dialog, opened by a link to `#id`: modal with JavaScript, in place without."""
    return render_to_string("components/dialog.html", {"content": content, "id": id, "title": title})


@register.simple_block_tag
def grounds(
    content: SafeString, of: str = "", label: str = "On what grounds", hint: str = "", required: bool = True
) -> SafeString:
    """Where grounds are written, with what was written before; `of` tells several of a page apart."""
    shown = {"id": _told_apart("grounds", of), "label": label, "hint": hint, "required": required}
    return render_to_string("components/grounds.html", {"content": SafeString(content.strip()), **shown})


@register.inclusion_tag("components/typed.html")
def typed(name: str, of: str = "", called: str = "", why: str = "") -> Look:
    """Where a name is typed before what is hard to undo; what it is `called` by people will do as well."""
    too = called if called != name else ""
    return {"id": _told_apart("typed", of), "name": name, "too": too, "shown": isolated(too), "why": why}


def _told_apart(name: str, of: object) -> str:
    return f"{name}-{of}" if of else name


@register.simple_block_tag
def scroll(content: SafeString, label: str) -> SafeString:
    """A region that scrolls sideways by itself, so that the page never does."""
    return render_to_string("components/scroll.html", {"content": content, "label": label})


@register.filter
def plain(value: object) -> str:
    """A figure that may come with its interval, as {"value": ..., "low": ..., "high": ...}."""
    if not isinstance(value, dict):
        return figure(value)
    ends = [figure(value[end]) for end in ("low", "high") if value.get(end) is not None]
    return f"{figure(value.get('value'))} [{', '.join(ends)}]" if ends else figure(value.get("value"))


@register.filter
def distance(value: float) -> str:
    """How far two answers are apart; without an end where they cannot be measured against each other."""
    return "not measurable" if math.isinf(value) else figure(value)


@register.filter
def signed(value: float | None) -> str:
    """A difference with its sign; a dash for none."""
    return figure(value) if not value or value < 0 else f"+{figure(value)}"


@register.filter
def moved(value: float) -> str:
    """A difference between two metrics, with its sign, to four places."""
    return f"{value:+.4f}" if value > 0 else f"{value:.4f}"


@register.filter
def words(value: object) -> str:
    """A name of ours as words: `end_to_end` -> "end to end"."""
    return str(value).replace("_", " ").replace("-", " ")


@register.filter
def shape(axes: Iterable[int] | None) -> str:
    """A tensor's shape, the variable axes as "any"."""
    return f" {TIMES} ".join("any" if axis == -1 else str(axis) for axis in axes or []) or "scalar"


@register.filter
def values(found: Iterable[object] | None) -> str:
    """The first eight values of a row's output."""
    listed = list(found or [])
    told = ", ".join(figure(value) for value in listed[:8])
    return f"{told}, ..." if len(listed) > 8 else told or DASH


@register.filter
def told(facts: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Facts as pairs of words; what is counted in bytes is told in its usual size."""
    told_facts = []
    for name, value in (facts or {}).items():
        if name.endswith("_bytes"):
            told_facts.append((words(name.removesuffix("_bytes")), filesizeformat(value)))
        elif isinstance(value, Mapping):
            told_facts.append(
                (words(name), ", ".join(f"{words(key)} {figure(inner)}" for key, inner in value.items()))
            )
        else:
            told_facts.append((words(name), figure(value)))
    return told_facts


@register.filter
def pairs(facts: object) -> list[tuple[object, object]]:
    """The names and values of a mapping; nothing for anything else.

    A template that asked for `facts.items` would get the value of a key of that name, where there is one.
    """
    return list(facts.items()) if isinstance(facts, Mapping) else []


@register.filter
def item(mapping: Mapping[str, object] | None, key: object) -> object:
    """The value of a key that a template cannot spell."""
    return (mapping or {}).get(str(key), "")


@register.filter
def markdown(text: str) -> SafeString:
    """A model card through the allow-list."""
    return cards.render(text)
