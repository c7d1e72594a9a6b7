"""The page of the API: found from every page, searched, with a line to type for each call."""

from __future__ import annotations

import json
import shlex

import pytest

from registry.api import docs


def test_it_is_linked_from_the_pages_and_searched(world, as_):
    client = as_("vera")
    assert 'href="/api/docs"' in client.get("/").content.decode()

    whole = client.get("/api/docs").content.decode()
    found = client.get("/api/docs", {"search": "Idempotency releases"}).content.decode()
    nothing = client.get("/api/docs", {"search": "nonsense<b>"}).content.decode()

    assert "/api/v1/tokens" in whole
    assert "/api/v1/models/{model}/versions/{number}/releases" in found
    assert "<code>/api/v1/events</code>" not in found
    assert "No call has these words" in nothing
    assert "nonsense<b>" not in nothing


@pytest.mark.parametrize(
    "call", [c for calls in docs.groups().values() for c in calls], ids=lambda c: c["address"]
)
def test_each_call_has_a_line_that_a_shell_reads(call):
    words = shlex.split(call["curl"])
    assert words[0] == "curl"
    assert words[-1] == f"$ASSAY{call['address']}"
    if "-d" in words:
        assert json.loads(words[words.index("-d") + 1])
