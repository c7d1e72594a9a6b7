"""What a template may ask of a value."""

from __future__ import annotations

import re

import pytest

from tests.architecture.source import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
TEXT = re.compile(r"\"[^\"]*\"|'[^']*'")
ASKED = re.compile(r"\.(items|keys|values)\b")


def asks_a_method(source: str) -> list[str]:
    """Parts that name a method of a dictionary; a template looks such a name up as a key first."""
    return [part for part in CODE.findall(source) if ASKED.search(TEXT.sub("", part))]


def test_no_template_asks_a_dictionary_for_what_a_key_may_be_called():
    assert TEMPLATES
    found = {
        f"{path.relative_to(ROOT)}: {part}" for path in TEMPLATES for part in asks_a_method(path.read_text())
    }
    assert not found, "use the filter `pairs`, or rows made in the view"


@pytest.mark.parametrize("source", [
    "{% for name, value in event.facts.items %}", "{{ facts.keys|join:', ' }}", "{% if a.values %}",
    "{% include 'x.html' with a=b.items %}",
])  # fmt: skip
def test_the_scan_sees_each_way_to_ask(source):
    assert asks_a_method(source)


@pytest.mark.parametrize("source", ["<p>a.items</p>", "{% url 'a.items' %}", "{{ page.rows|values }}"])
def test_the_scan_sees_nothing_where_nothing_is(source):
    assert not asks_a_method(source)
