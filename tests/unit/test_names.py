"""What a model may be called, which names are one, and the slug of each."""

from __future__ import annotations

import pytest

from registry import names

PERSIAN = "\u067e\u06cc\u0634\u200c\u0628\u06cc\u0646\u06cc"
ARABIC = "\u062a\u0642\u064a\u064a\u0645"
HINDI = "\u0938\u094d\u0935\u093e\u0938\u094d\u0925\u094d\u092f"
CHINESE = "\u9700\u6c42\u9884\u6d4b"
SCIENTIST = "\U0001f469\u200d\U0001f52c"
CREDIT = "Kreditausfall \u2013 \u00d6sterreich (Q3)"

GOOD = ["digits", "items", CREDIT, CHINESE, ARABIC, PERSIAN, HINDI, SCIENTIST, "<b>\"'&", "C++", "x" * 200,
        "\u2764\ufe0f churn", "  two   spaces "]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_name_is_taken_and_its_slug_is_an_address(name):
    assert names.refuse(name) == ""
    tidy = names.tidy(name)
    for slug in (names.slug_of(tidy), names.slug_of(tidy, apart=True)):
        assert names.is_slug(slug)
        assert slug == names.slug_of(tidy, apart=slug != names.slug_of(tidy))
    assert names.tidy(names.isolated(tidy)) == tidy
    assert names.refuse(names.isolated(tidy)) == ""


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "between 1 and 200"),
        ("x" * 201, "between 1 and 200"),
        ("x" * 1_000_000, "between 1 and 200"),
        ("a\u202eb", "U+202E (right-to-left override)"),
        ("a\u2067b", "U+2067"),
        ("a\u200bb", "U+200B (zero width space)"),
        ("a\u200db", "U+200D"),
        ("a\u200cb", "U+200C"),
        ("\ufeffa", "U+FEFF"),
        ("a\u00adb", "U+00AD"),
        ("a\u034fb", "U+034F"),
        ("\u3164", "U+3164"),
        ("a\ufe0f", "U+FE0F"),
        ("a\x00b", "U+0000 (a control character)"),
        ("a\nb", "U+000A"),
        ("a\ue000", "U+E000"),
        ("a\ud800", "U+D800"),
        ("a\u0378", "U+0378"),
        ("\u2026 \u2013", "needs a letter"),
        ("z\u0335\u0321\u0322\u031b\u0316", "more than 4 marks"),
        ("\ufdfa" * 200, "write them out"),
    ],
)
def test_what_nobody_can_see_or_read_is_refused(name, why):
    assert why in names.refuse(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Kredit", "KREDIT"),
        ("Kredit A", "Kredit\u00a0 A"),
        ("caf\u00e9", "cafe\u0301"),
        ("Q3", "\uff31\uff13"),
        ("Q3", "Q\u00b3"),
        ("A - B", "A \u2014 B"),
        ("Stra\u00dfe", "STRASSE"),
        ("scope", "\u0455\u0441\u043e\u0440\u0435"),
        ("TOP", "\u0422\u041e\u0420"),
        ("HIKE", "\u0397\u0399\u039a\u0395"),
        ("don't", "don\u2019t"),
        (PERSIAN, PERSIAN.replace("\u200c", "")),
        (SCIENTIST, SCIENTIST.replace("\u200d", "")),
    ],
)
def test_names_that_nobody_can_tell_apart_are_one(one, other):
    assert names.folded(one) == names.folded(other)


@pytest.mark.parametrize(("one", "other"), [("C", "C++"), ("Osten", "\u00d6sten"), ("a b", "ab"), ("1", "l")])
def test_names_that_differ_are_two(one, other):
    assert names.folded(one) != names.folded(other)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("digits", "digits"),
        ("Digits", "digits"),
        (CREDIT, "kreditausfall-osterreich-q3"),
        ("\u00d8re & \u00c6ble v1.2", "ore-aeble-v1.2"),
        ("<b>items</b>", "b-items-b"),
        (CHINESE, "model-be33f70b"),
        (f"Umsatz {CHINESE}", "umsatz-af51bc94"),
        ("x" * 63, "x" * 63),
        ("x" * 64, f"{'x' * 54}-7ce100971f64"[:63]),
    ],
)
def test_a_slug_follows_from_the_name_alone(name, slug):
    found = names.slug_of(name)
    assert found == slug or (len(found) == 63 and found[:55] == slug[:55])


def test_only_a_name_read_from_the_right_is_set_apart():
    assert names.isolated(CREDIT) == CREDIT
    assert names.isolated(ARABIC) == f"\u2068{ARABIC}\u2069"


@pytest.mark.parametrize("text", ["", "A", "-a", "a/b", "a b", "a\n", "x" * 64, "\u00e4"])
def test_what_is_no_slug(text):
    assert not names.is_slug(text)
