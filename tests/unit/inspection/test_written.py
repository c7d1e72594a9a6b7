"""Secrets in the texts beside a model: refused by file and line before anything is stored."""

from __future__ import annotations

import codecs

import pytest

from registry.inspection import inspect
from registry.inspection.written import MOST_BYTES
from tests.unit.inspection.conftest import MANIFEST

SECRET = "hunter2hunter2hunter2"
LINE = f"--index-url https://ci:{SECRET}@index.example.org/simple"


def refused(found):
    assert SECRET not in str(found.to_json())
    return [(refusal.code, refusal.field, refusal.message[:7]) for refusal in found.refusals]


@pytest.mark.parametrize("key", ["requirements", "card", "scoring_code"])
def test_a_secret_is_refused_by_file_and_line(version, examined, key):
    found = examined(version(**{key: f"numpy\n\n{LINE}\n".encode()}))

    assert refused(found) == [("secret", f"files.{key}", "Line 3 ")]
    assert "everybody who reads the version" in found.refusals[0].message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_in_whatever_form_a_shell_has_written_it(version, examined, encoding):
    text = f"# caf\xe9\r\n{LINE}\r\n".encode(encoding)
    assert refused(examined(version(requirements=text))) == [("secret", "files.requirements", "Line 2 ")]


def test_texts_without_secrets_change_nothing(version, examined):
    texts = {
        "requirements": b"numpy==2.1.0\n",
        "card": codecs.BOM_UTF8 + b"# Digits\n",
        "scoring_code": b"\xff\0",
    }
    assert examined(version(**texts)).loaded


def test_the_cell_looks_at_them(version):
    found = inspect(version(requirements=LINE.encode()), manifest=MANIFEST)

    assert refused(found) == [("secret", "files.requirements", "Line 1 ")]
    assert "PIP_INDEX_URL" in found.refusals[0].message


def test_a_text_that_nobody_would_read_is_refused(version):
    found = inspect(version(card=b"x" * (MOST_BYTES + 1)), manifest=MANIFEST)
    assert [(refusal.code, refusal.field) for refusal in found.refusals] == [("too_large", "files.card")]
