"""The manifest's section on the metric, and whether what it says can be."""

from __future__ import annotations

from dataclasses import replace

from registry.manifest import facts
from registry.manifest.fields import Section, listed, nearest
from registry.manifest.metrics import BOXES, CLASS_AXES, METRICS, NAMES, OWN, Reading, known_name

PARAMETERS = (
    *("classes", "class_axis", "positive", "reading", "ignore", "k", "quantile"),
    *("scores", "labels", "boxes", "iou", "higher_is_better"),
)


def metric(parent: Section, *, has_graph: bool) -> facts.MetricRange:
    section = parent.section("metric") or Section({}, "metric", [])
    name, negated = _metric_name(section)
    made = facts.MetricRange(
        name=name,
        output=section.text("output"),
        range=section.range("range", required=True) or (0, 0),
        margin=section.number("margin", low=0),
        claimed=section.number("claimed"),
        classes=section.scalars("classes"),
        class_axis=section.choice("class_axis", CLASS_AXES),
        positive=section.scalar("positive"),
        reading=section.choice("reading", tuple(Reading)),
        ignore=section.scalar("ignore"),
        k=section.whole("k", low=1),
        quantile=section.number("quantile", low=0, high=1),
        scores=section.text("scores"),
        labels=section.text("labels"),
        boxes=section.choice("boxes", BOXES),
        iou=section.number("iou", low=0, high=1),
        higher_is_better=section.said("higher_is_better"),
    )
    section.finish()
    if negated and made.range[1] > 0:
        section.problem("range", f"cannot be reached: with its sign turned, {name} is never above 0")
    elif name:
        made = _turned(made) if negated else made
        _fits_metric(section, made)
    if has_graph != (name == OWN) and name:
        problem = "goes with metric.name: own" if has_graph else "is missing: it computes metric.name: own"
        parent.problem("files.metric", problem)
    return made


def _metric_name(section: Section) -> tuple[str, bool]:
    word = section.text("name", required=True) or ""
    found = known_name(word)
    if word and found is None:
        near = nearest(word.lower(), NAMES)
        section.problem("name", f"{word!r} is not known{near}; use one of {listed(METRICS)}")
    return found or ("", False)


def _turned(made: facts.MetricRange) -> facts.MetricRange:
    """What was said of a loss with its sign turned, said of the loss."""
    low, high = made.range
    claimed = None if made.claimed is None else -made.claimed
    return replace(made, range=(-high, -low), claimed=claimed)


def _fits_metric(section: Section, made: facts.MetricRange) -> None:
    known = METRICS[made.name]
    low, high = made.range
    possible = f"{made.name} lies between {known.low:g} and {known.high:g}"
    if low < known.low or high > known.high:
        section.problem("range", f"cannot be reached: {possible}")
    if made.claimed is not None and not known.low <= made.claimed <= known.high:
        section.problem("claimed", f"cannot be: {possible}")
    for key in PARAMETERS:
        if getattr(made, key) not in (None, ()) and key not in known.parameters:
            section.problem(key, f"means nothing to {made.name}")
    for key in ("k", "quantile", "higher_is_better"):
        if key in known.parameters and getattr(made, key) is None:
            section.problem(key, f"is missing: {made.name} needs it")
    _fit_each_other(section, made)


def _fit_each_other(section: Section, made: facts.MetricRange) -> None:
    if made.reading == Reading.LABELS and made.ignore is not None:
        section.problem("ignore", "goes with reading: places")
    if made.labels is not None and made.scores is None:
        section.problem("scores", "is missing: it goes with labels")
