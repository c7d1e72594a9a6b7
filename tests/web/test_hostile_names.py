"""Names are data: no page looks different, fails or runs anything because of one."""

from __future__ import annotations

import uuid
from contextlib import closing

import pytest
import redis
from django.template import Context, Template

from registry.events import record
from registry.transactions import write
from tests import makers, spoken
from tests.web import hostile as hostiles
from tests.web import reading


@pytest.fixture
def hostile(world):
    return hostiles.build(world)


@pytest.fixture
def nodes(world, broker):
    """A node whose models, versions and failures are named like methods of a dictionary."""
    environment = makers.environment(f"e{uuid.uuid4().hex[:12]}")
    state = {"revision": 1, "ready": [1], "loading": [], "failed": {"2": hostiles.MARKUP}}
    with closing(redis.Redis.from_url(broker)) as client:
        for node in ("items", "keys"):
            spoken.beat(client, environment.name, node, models=dict.fromkeys(hostiles.METHODS, state))


@pytest.mark.parametrize("name", ["amina", "chloe", "dara", "admin"])
def test_every_page_is_shown_whatever_things_are_called(world, hostile, nodes, as_, name):
    client = as_(name)
    for address in (*hostiles.addresses(hostile), *hostiles.parts(hostile)):
        response = client.get(address)
        assert response.status_code == 200, address
        html = response.content.decode()
        assert "<script>alert" not in html, address
        assert "<img src=x" not in html, address
        assert "14" not in html.partition("onerror=alert(1)&gt;")[2][:4], address


def test_a_fact_of_any_name_is_shown_with_all_others(world, hostile, as_):
    html = reading.html(as_("dara").get("/models/items/versions/1/"))
    facts = html.partition("<h3>Hyperparameters</h3>")[2].partition("</dl>")[0]
    for name in hostiles.METHODS:
        assert f"<dt><code>{name}</code></dt><dd><code>{name}</code></dd>" in facts


def test_the_audit_page_shows_a_batch_of_feedback(world, as_):
    with write():
        record("feedback.ingested", "node/a", actor="node/a", items=7, keys={"values": 1})
    response = as_("dara").get("/audit/")
    assert response.status_code == 200
    assert "<dt>items</dt><dd>7</dd>" in reading.html(response)


@pytest.mark.parametrize("facts", [{}, None, [("a", 1)], "items", 7])
def test_what_is_no_mapping_has_no_pairs(facts):
    template = Template("{% load ui %}{% for name, value in facts|pairs %}{{ name }}{% endfor %}")
    assert template.render(Context({"facts": facts})) == ""
