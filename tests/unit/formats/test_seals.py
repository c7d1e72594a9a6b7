"""A seal shows who wrote a document, and for which place."""

from __future__ import annotations

import json

import pytest

from formats.seals import holds, sealed

KEY, PLACE = bytes(range(32)), "assay:production:node:n1"
DOCUMENT = '{"node": "n1", "address": "http://n1:8001", "é": 1}'


def test_what_was_sealed_holds_and_reads_as_before():
    said = sealed(DOCUMENT, KEY, PLACE)
    assert holds(said.encode(), KEY, PLACE)
    assert json.loads(said).items() >= json.loads(DOCUMENT).items()


FORGED = {
    "no seal": DOCUMENT,
    "another address": sealed(DOCUMENT, KEY, PLACE).replace("n1:8001", "evil:80"),
    "a member twice": sealed(DOCUMENT, KEY, PLACE)[:-1] + ', "address": "http://evil"}',
    "another key": sealed(DOCUMENT, bytes(32), PLACE),
    "another place": sealed(DOCUMENT, KEY, "assay:production:node:n2"),
    "no digest": '{"seal": "", "node": "n1"}',
    "cut off": sealed(DOCUMENT, KEY, PLACE)[:40],
    "nothing": "",
}


@pytest.mark.parametrize("forgery", FORGED)
def test_what_others_wrote_does_not(forgery):
    assert not holds(FORGED[forgery].encode(), KEY, PLACE)


def test_bytes_that_are_no_text_are_no_seal():
    assert not holds(b'{"seal": "\xff' * 9, KEY, PLACE)
