"""The parts that pages are made of: each fact has one look, and the look never lies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.template import Context, Template

from registry.templatetags import charts, ui
from releases import looks
from releases.api import observed
from releases.lifecycle import State
from releases.models import GateRun, Review
from releases.proof.evidence import Quality
from releases.web import nodes
from releases.web.model import page as models

CSS = Path(__file__).parents[2] / "static" / "css"
ICONS = Path(__file__).parents[2] / "static" / "icons.svg"


def test_every_state_has_a_look_and_no_other_has():
    assert list(looks.STATES) == [str(state) for state in State]


def test_every_outcome_and_verdict_has_a_look():
    assert set(looks.OUTCOMES) == {*GateRun.Outcome.values, "running"}
    assert set(looks.VERDICTS) >= set(Review.Verdict.values)


def test_every_icon_that_is_asked_for_is_drawn():
    drawn = set(re.findall(r'<symbol id="([a-z]+)"', ICONS.read_text()))
    tables = (looks.STATES, looks.OUTCOMES, looks.NODES, looks.VERDICTS, looks.CHANGES, ui.EVENTS)
    asked = {icon for table in tables for icon, _ in table.values()} | set(ui.TONE_ICONS.values())
    templates = Path(__file__).parents[2] / "templates"
    for page in templates.rglob("*.html"):
        asked |= set(re.findall(r'{% icon "([a-z]+)"', page.read_text()))
        asked |= set(re.findall(r'icons\.svg\'? %}#([a-z]+)"', page.read_text()))
    assert asked - drawn == set()


def test_a_chip_says_its_word_beside_its_colour():
    html = Template("{% load looks %}{% state 'in_review' %}{% outcome 'errored' %}").render(Context())
    assert "in review" in html
    assert "errored" in html
    assert html.count("<svg") == 2


def test_grounds_come_back_as_they_were_written_and_escaped_once():
    source = "{% load ui %}{% grounds of='erase' hint='h' %}\n  {{ kept }}\n{% endgrounds %}"
    html = Template(source).render(Context({"kept": 'a "<b>"'}))
    assert ">a &quot;&lt;b&gt;&quot;</textarea>" in html
    assert 'for="grounds-erase"' in html
    assert 'aria-describedby="grounds-erase-hint"' in html
    assert "required" in html
    assert "required" not in Template("{% load ui %}{% grounds required=False %}{% endgrounds %}").render(
        Context()
    )


@pytest.mark.parametrize("called", ["", "digits"])
def test_one_name_is_typed_where_there_is_one(called):
    html = Template("{% load ui %}{% typed 'digits' called=called %}").render(Context({"called": called}))
    assert 'data-typed="digits"' in html
    assert "data-typed-too" not in html


def test_a_title_will_do_where_a_name_is_typed():
    html = Template("{% load ui %}{% typed 'digits' called='Hand writing' %}").render(Context())
    assert 'data-typed-too="Hand writing"' in html
    assert "Hand writing or <code>digits</code>" in html


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "\u2013"),
        (0, "0"),
        (1234567, "1\u202f234\u202f567"),
        (0.9722222, "0.9722"),
        (1e-9, "1e-09"),
        (12345.678, "12\u202f346"),
        (True, "True"),
        ("text", "text"),
    ],
)
def test_a_figure_is_told_with_four_digits(value, told):
    assert ui.figure(value) == told


def test_a_figure_may_come_with_its_interval():
    assert ui.plain({"value": 0.74, "low": 0.69, "high": 0.91}) == "0.74 [0.69, 0.91]"
    assert ui.plain({"value": 0.74, "low": None, "high": None}) == "0.74"


def test_a_chart_keeps_every_mark_inside_itself():
    drawn = charts.interval_bar(0.91, 0.88, 0.93, 0.93, 1.0, "accuracy", good=False)
    places = [drawn["x"], drawn["from"], drawn["to"], *(mark["x"] for mark in drawn["marks"])]
    assert all(0 <= place <= 100 for place in places)
    assert drawn["from"] < drawn["x"] < drawn["to"] <= drawn["marks"][0]["x"] < drawn["marks"][1]["x"]
    assert drawn["good"] is False


def test_a_chart_of_one_value_or_none_is_drawn_without_a_fault():
    assert charts.interval_bar(0.5, None, None)["x"] == 50
    assert charts.latency_bars({})["rows"] == []


def test_shares_fill_the_whole_bar():
    parts = charts.share_bar([("version 2", 0.95), ("version 3", 0.05)])["parts"]
    assert parts[0]["width"] + parts[1]["width"] == pytest.approx(100)
    assert parts[1]["x"] == pytest.approx(95)


def test_a_latency_over_its_limit_says_so_in_words():
    drawn = charts.benchmark_bars({"p99_ms": {"value": 3.0}, "limits": {"p99_ms": 2.0}})
    assert drawn["rows"][0]["over"]
    html = Template("{% load charts %}{% benchmark_bars found %}").render(
        Context({"found": {"p99_ms": 3.0, "limits": {"p99_ms": 2.0}}})
    )
    assert "over the limit of 2 ms" in html
    assert "<table" in html


def _tokens() -> dict[str, tuple[str, str]]:
    pairs = re.findall(
        r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", (CSS / "tokens.css").read_text()
    )
    return {name: (light, dark) for name, light, dark in pairs}


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


GROUNDS = ("ground", "surface", "sunken", "raised")
WORDS = [(word, ground) for ground in GROUNDS for word in ("text", "muted", "link")]
WORDS += [(tone, f"{tone}-soft") for tone in ("neutral", "info", "positive", "caution", "danger")]
WORDS += [(tone, "surface") for tone in ("info", "positive", "caution", "danger")]
WORDS += [("on-accent", "accent"), ("on-accent", "accent-strong"), ("on-danger", "danger-solid")]
WORDS += [
    ("text", "neutral-soft"),
    ("text", "positive-soft"),
    ("text", "danger-soft"),
    ("muted", "neutral-soft"),
]
EDGES = [("line-strong", ground) for ground in GROUNDS] + [("focus", ground) for ground in GROUNDS]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_words_can_be_read_on_their_ground(theme):
    tokens = _tokens()
    faint = {
        (word, ground): round(_contrast(tokens[word][theme], tokens[ground][theme]), 2)
        for word, ground in WORDS
        if _contrast(tokens[word][theme], tokens[ground][theme]) < 4.5
    }
    assert faint == {}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_edges_of_fields_and_the_focus_can_be_seen(theme):
    tokens = _tokens()
    faint = [pair for pair in EDGES if _contrast(tokens[pair[0]][theme], tokens[pair[1]][theme]) < 3]
    assert faint == []


def test_colours_are_named_in_tokens_css_and_nowhere_else():
    others = [path for path in CSS.glob("*.css") if path.name != "tokens.css"]
    found = {path.name: re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(", path.read_text()) for path in others}
    assert {name: colours for name, colours in found.items() if colours} == {"base.css": ["#fff"]}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, ui.DASH),
        (0.0, "0"),
        (0.0123, "0.012"),
        (1.23, "1.2"),
        (23.456, "23"),
        (1234.5, "1\u202f234"),
    ],
)
def test_a_measured_number_claims_two_digits(value, said):
    assert ui.rough(value) == said


def test_every_state_of_a_node_has_a_look_and_a_place():
    assert set(looks.NODES) == set(nodes.WORST_FIRST)
    shape = observed.NodeShape().fields["state"]
    assert set(shape.choices) == set(looks.NODES)


@pytest.mark.parametrize(
    ("metric", "before", "after", "tone"),
    [
        ("accuracy", 0.9, 0.95, "positive"),
        ("accuracy", 0.95, 0.9, "danger"),
        ("log_loss", 0.2, 0.3, "danger"),
        ("log_loss", 0.3, 0.2, "positive"),
        ("a metric of their own", 0.2, 0.3, ""),
        ("accuracy", 0.9, 0.9, ""),
    ],
)
def test_better_is_what_the_metric_calls_better(metric, before, after, tone):
    delta = models._delta(Quality(metric, after), Quality(metric, before))
    assert models._tone(Quality(metric, after), delta) == tone


def test_values_of_two_metrics_are_not_compared():
    assert models._delta(Quality("accuracy", 0.9), Quality("log_loss", 0.2)) is None
