"""Two versions side by side: one line first, and the same over REST."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.services.tokens import create_token
from tests import makers
from tests.web import kept, reading
from tests.web import world as worlds

PAGE = "/models/digits/compare/"
REST = "/api/v1/models/digits/versions/3/compare/2"


def page(client, query: str) -> str:
    response = client.get(f"{PAGE}?{query}")
    assert response.status_code == 200
    return reading.html(response)


@pytest.fixture(autouse=True)
def _tables_of_this_test_alone(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def proven(world, tmp_path):
    kept.keep(tmp_path / "3", world.review, kept.REVIEW, kept.TRUTH, champion=(2, kept.LIVE))
    return world.review


def test_one_line_says_which_is_better_and_how_that_is_known(world, as_):
    html = page(as_("vera"), "base=2&head=3")
    line = re.search(r'<h2 id="verdict">([^<]+)', html)[1]
    assert line.startswith("Version 3 is not worse than version 2: accuracy better by 0.006")
    turned = re.search(r'<h2 id="verdict">([^<]+)', page(as_("vera"), "base=3&head=2"))[1]
    assert "accuracy worse by 0.006" in turned


def test_a_version_that_failed_a_gate_is_red_whatever_its_figures_say(world, as_):
    html = page(as_("vera"), "base=2&head=4")
    assert "verdict--danger" in html
    assert "Version 4 failed the end to end gate." in html


def test_latency_stands_on_one_scale(world, as_):
    run = world.review.gate_runs.get(gate="benchmark")
    run.evidence["p99_ms"] = {"value": 1.48, "low": None, "high": None}
    with makers.unguarded("releases_gaterun"):
        run.save()
    html = page(as_("vera"), "base=2&head=3")
    chart = html[html.index("Latency on one scale") :]
    widths = [float(w) for w in re.findall(r'<rect class="c-[01]" x="0" y="\d+" width="([\d.]+)%"', chart)][
        -2:
    ]
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.01)
    assert "p99 1.48 ms beside 0.74 ms" in chart
    assert re.search(r"swatch--1.></span>version 3<.*swatch--0.></span>version 2<", chart)


def test_facts_that_are_the_same_are_shown_on_request(world, as_):
    some, everything = (page(as_("vera"), f"base=2&head=3{more}") for more in ("", "&show=all"))
    assert "scikit-learn" not in some
    assert "scikit-learn" in everything
    assert "Facts that differ" in some
    assert "All facts" in everything


def test_any_version_can_be_named_also_by_alias_and_identity(world, as_):
    digest = world.review.version.digest
    for query in ("base=2&head=3", "base=2&head=" + digest[:10], "head=3"):
        assert "<h1>Version 2 and version 3</h1>" in page(as_("vera"), query)
    assert "<h1>Version 2 and version 5</h1>" in page(as_("vera"), "head=newest")


def test_two_proofs_that_did_not_know_each_other_are_told_by_their_kept_answers(world, as_, tmp_path):
    first = next(iter(worlds.Release.objects.filter(version__number=1)))
    kept.keep(tmp_path / "1", first, kept.LIVE, kept.TRUTH)
    kept.keep(tmp_path / "3", world.review, kept.REVIEW, kept.TRUTH)
    for release, right in ((first, 3), (world.review, 4)):
        run = release.gate_runs.get(gate="confidence")
        run.evidence["value"] = right / 6
        with makers.unguarded("releases_gaterun"):
            run.save()
    html = page(as_("vera"), "base=1&head=3")
    assert "Version 3 cannot be told from version 1: accuracy better by 0.167" in html
    assert "on the same 6 rows" in html
    run.evidence["value"] = 0.9  # rows with weights: right answers alone do not make this metric
    with makers.unguarded("releases_gaterun"):
        run.save()
    assert "were not measured on the same rows" in page(as_("vera"), "base=1&head=3")


def test_a_version_that_was_never_proven_is_said_to_be_so(world, as_):
    assert "version 5 was not measured" in page(as_("vera"), "base=2&head=5")
    assert "one version beside itself" in page(as_("vera"), "base=2&head=2")


def test_rest_says_what_the_page_says(proven, as_):
    client = as_("vera")
    html, found = page(client, "base=2&head=3"), client.get(REST).json()
    assert found["verdict"]["headline"] in html
    assert (found["base"]["version"], found["head"]["version"], found["head"]["state"]) == (2, 3, "in_review")
    assert found["paired"]["difference"] == 0.006
    assert found["metric"]["delta"] == pytest.approx(0.006)
    assert found["signature"] == {"compatibility": "identical", "differences": []}
    assert found["answers"] | {"how": ""} == {
        "compared": 6, "changed": 4, "head_right": 2, "base_right": 1, "how": "", "why_not": "",
    }  # fmt: skip
    assert found["changes"][0]["warning"].startswith("The end-to-end set is another one")
    assert {change["name"] for change in found["changes"]} >= {"algorithm", "model"}
    assert found["slices"][0]["label"] == "8"


def test_rest_lists_the_rows_page_by_page(proven, as_):
    client, got, at = as_("vera"), [], ""
    while at is not None:
        found = client.get(f"{REST}/rows?page_size=3&order=row{at and f'&page={at}'}").json()
        got += [(row["row"], row["base"], row["head"], row["truth"]) for row in found["results"]]
        at = found["next"]
    assert got == [(n, [kept.LIVE[n]], [kept.REVIEW[n]], [kept.TRUTH[n]]) for n in (2, 3, 4, 5)]
    only = client.get(f"{REST}/rows?only=head_right").json()
    assert [row["row"] for row in only["results"]] == [2, 3]
    assert client.get(f"{REST}/rows?page=nonsense").status_code == 422
    assert client.get(f"{REST}/rows?only=nonsense").status_code in (400, 422)


def test_rest_shows_a_comparison_to_those_who_may_see_the_model(proven, as_, world):
    assert as_("nobody").get(REST).status_code == 404
    assert as_("nobody").get(f"{REST}/rows").status_code == 404
    assert as_("vera").get(f"{REST}9").status_code == 404
    machine = world.people["amina"]
    _, text = create_token("ci", owner=machine, by=machine, scopes=["upload"])
    assert as_("", headers={"Authorization": f"Bearer {text}"}).get(REST).status_code == 200


def test_a_comparison_costs_as_many_queries_for_many_releases_as_for_few(proven, as_, world):
    client, costs = as_("vera"), []
    for _ in range(2):
        client.get(f"{PAGE}?base=2&head=3")
        with CaptureQueriesContext(connection) as asked:
            client.get(f"{PAGE}?base=2&head=3")
        costs.append(len(asked))
        for _ in range(3):
            worlds.in_review(proven.version, world.people, 0.97, 0.95)
    assert costs[0] == costs[1] < 40
