"""Spellings of one person have one key, and those of two people have none in common."""

from __future__ import annotations

import pytest

from registry.builders import LONGEST_KEY, counted, keys, keys_of_person


def full_width(words: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) for c in words)


BORIS = keys_of_person("boris", "boris@example.org")
SPELLINGS = [
    "boris@example.org",
    "Boris@Example.ORG",
    "Boris Ivanov <boris@example.org>",
    '"Ivanov, Boris" <boris@example.org>',
    "mailto:boris@example.org",
    "MAILTO:boris%40example.org?subject=build",
    full_width("mailto:boris%40example.org"),
    "boris+ci@example.org",
    "Boris <boris+nightly@example.org> (CI)",
    full_width("boris@example.org"),
    "bo\u200bris@exam\u00adple.org",
    "boris @ example.org",
    "boris@example.org.",
    "amina@example.org, boris@example.org",
    '"boris"@example.org',
    "boris",
    " BORIS ",
    full_width("boris"),
    "person/boris",
    "boris <somebody@else.example>",
    "boris;amina",
]


@pytest.mark.parametrize("words", SPELLINGS)
def test_however_it_is_written_it_is_one_person(words):
    assert keys(words) & BORIS


@pytest.mark.parametrize(
    "words",
    ["", "amina@example.org", "boris@example.com", "boris.i@example.org", "b@oris", "b\u043eris@example.org"],
)
def test_somebody_else_is_somebody_else(words):
    assert not keys(words) & BORIS


@pytest.mark.parametrize(
    ("words", "person"),
    [("ana@bücher.example", "ana@xn--bcher-kva.example"), ("STRASSE@a.example", "straße@a.example")],
)
def test_domains_and_letters_are_compared_as_servers_do(words, person):
    assert keys(words) & keys_of_person("x", person)


def test_a_plus_address_is_somebody_else_where_the_policy_says_so():
    assert counted(keys("boris+ci@example.org"), "same") & BORIS
    assert not counted(keys("boris+ci@example.org"), "distinct") & BORIS
    assert counted(keys("Boris <boris@example.org>"), "distinct") & BORIS


@pytest.mark.parametrize("words", ["\ufdfa" * 254, "@" * 254, "a@" * 127, "<" * 254, "%00mailto:\x00"])
def test_no_words_are_too_odd_to_be_keys(words):
    assert all(len(key) <= LONGEST_KEY and "\x00" not in key for key in keys(words))
