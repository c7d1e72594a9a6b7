"""Which answers changed: the very rows, on the release page, on a page of their own, and as a file."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.stores import artifact_store
from tests import makers
from tests.web import kept
from tests.web import world as worlds
from tests.web.test_release_page import page

ROWS = "/models/digits/compare/rows"


@pytest.fixture(autouse=True)
def _tables_of_this_test_alone(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def proven(world, tmp_path):
    """Version 3 was proven beside version 2, which was live."""
    kept.keep(tmp_path / "3", world.review, kept.REVIEW, kept.TRUTH, champion=(2, kept.LIVE))
    return world.review


def numbers(html: str) -> list[int]:
    return [int(row) for row in re.findall(r'<th scope="row" class="number">\s*(\d+)', html)]


def get(client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, response.content
    return response.content.decode()


def body(response) -> str:
    return b"".join(response.streaming_content).decode()


def test_the_release_page_lists_the_rows_that_are_answered_differently(proven, as_):
    html = page(as_("vera"), proven)
    part = html[html.index('id="answers"') : html.index('id="changed"')]
    assert numbers(part) == [2, 3, 4, 5]
    assert "4 of 6 rows are answered differently" in " ".join(part.split())
    assert "p00" in part
    assert "Both were asked the same rows when version 3 was proven." in part


def test_the_rows_that_only_this_version_gets_right_are_a_link_to_exactly_those(proven, as_):
    html = page(as_("vera"), proven)
    evidence = html[html.index('id="gate-confidence"') : html.index('id="gate-benchmark"')]
    address = re.search(r'<a href="([^"]+)">5 rows only this version gets right', evidence)[1].replace(
        "&amp;", "&"
    )
    listed = get(as_("vera"), address)
    assert numbers(listed) == [2, 3]
    assert "Only version 3 right (2)" in listed
    theirs = re.search(r'<a href="([^"]+)">3 only the live one', evidence)[1].replace("&amp;", "&")
    assert numbers(get(as_("vera"), theirs)) == [5]


@pytest.mark.parametrize("query", ["base=2&head=3", "base=3&head=2"])
def test_two_versions_are_looked_at_in_either_direction(proven, as_, query):
    html = get(as_("vera"), f"{ROWS}?{query}")
    assert numbers(html) == [2, 3, 4, 5]
    assert "Both were asked the same rows when version 3 was proven." in html


def test_two_proofs_of_one_set_are_matched_by_row_number(world, as_, tmp_path):
    kept.keep(tmp_path / "2", world.live, kept.LIVE, kept.TRUTH)
    kept.keep(tmp_path / "3", world.review, kept.REVIEW, kept.TRUTH)
    html = get(as_("vera"), f"{ROWS}?base=2&head=3")
    assert numbers(html) == [2, 3, 4, 5]
    assert "asked the same confidence set" in html


def test_rows_of_two_sets_are_matched_by_what_they_hold_and_that_is_said(world, as_, tmp_path):
    other = worlds.version_with(world.model, world.people, 6, None, confidence=b"other rows")
    kept.keep(
        tmp_path / "6", worlds.in_review(other, world.people, 0.97, 0.95), kept.LIVE[:4], kept.TRUTH[:4]
    )
    kept.keep(tmp_path / "3", world.review, kept.REVIEW, kept.TRUTH)
    html = get(as_("vera"), f"{ROWS}?base=6&head=3")
    assert numbers(html) == [2, 3]
    assert "The confidence sets differ: 4 of 6 rows of version 3 stand in that of version 6 too" in html


def test_what_was_proven_before_answers_were_kept_says_so(world, as_):
    html = page(as_("vera"), world.review)
    assert "proven before answers were kept row by row" in html
    listed = get(as_("vera"), f"{ROWS}?base=2&head=3")
    assert "No answers of version 3 are kept row by row" in listed
    assert as_("vera").get(f"{ROWS}.csv?base=2&head=3").status_code == 404


def test_what_may_not_be_kept_is_said_in_its_own_words(world, as_):
    run = world.review.gate_runs.get(gate="confidence")
    run.evidence["not_kept"] = "output 'label' is sensitive: its answers are not kept to be looked at"
    with makers.unguarded("releases_gaterun"):
        run.save()
    assert "its answers are not kept to be looked at" in page(as_("vera"), world.review)


def test_a_table_that_is_gone_or_damaged_is_said_and_breaks_no_page(proven, as_):
    run = proven.gate_runs.get(gate="confidence")
    digest = run.evidence["kept"]["answers"]["sha256"]
    place = artifact_store().path(digest)
    place.chmod(0o644)
    place.write_bytes(b"something else")
    assert "no longer in the store as they were kept" in page(as_("vera"), proven)
    place.unlink()
    assert "no longer in the store as they were kept" in get(as_("vera"), f"{ROWS}?base=2&head=3")


def test_the_rows_leave_as_csv_and_as_ndjson(proven, as_):
    response = as_("vera").get(f"{ROWS}.ndjson?base=2&head=3&only=head_right")
    assert response["Content-Disposition"] == 'attachment; filename="assay-digits-2-3-answers.ndjson"'
    lines = [json.loads(line) for line in body(response).splitlines()]
    assert [(line["row"], line["truth"], line["base"], line["head"]) for line in lines] == [
        (2, [2], [9], [2]),
        (3, [3], [9], [3]),
    ]
    assert lines[0]["inputs"]["pixels"][:3] == [0.0, 1.0, 2.0]
    told = list(csv.DictReader(io.StringIO(body(as_("vera").get(f"{ROWS}.csv?base=2&head=3")))))
    assert [(row["row"], row["base_right"], row["head_right"]) for row in told] == [
        ("2", "False", "True"),
        ("3", "False", "True"),
        ("4", "False", "False"),
        ("5", "True", "False"),
    ]
    assert as_("vera").get(f"{ROWS}.xlsx?base=2&head=3").status_code == 404


def test_the_rows_leave_over_rest_page_by_page_and_in_one_file(proven, as_):
    client, address = as_("vera"), "/api/v1/models/digits/versions/3/compare/2/rows"

    def rows(query: str) -> tuple[list[int], dict]:
        found = json.loads(get(client, f"{address}?page_size=3&{query}"))
        return [row["row"] for row in found["results"]], found

    first, told = rows("order=row")
    assert (first, told["previous"]) == ([2, 3, 4], None)
    second, told = rows(f"order=row&page={told['next']}")
    assert (second, told["next"]) == ([5], None)
    assert rows(f"order=row&page={told['previous']}")[0] == first
    assert client.get(f"{address}?page=nonsense").status_code == 422
    for query in ("order=largest", "only=head_right&order=smallest", "only=base_right"):
        whole = json.loads(get(client, f"{address}?page_size=200&{query}"))["results"]
        response = client.get(f"{address}.ndjson?{query}", headers={"Accept": "application/x-ndjson"})
        assert response["Content-Type"] == "application/x-ndjson"
        assert [json.loads(line) for line in body(response).splitlines()] == whole
    refused = client.get(f"{address}.ndjson?order=random")
    assert refused.status_code == 422
    assert client.get("/api/v1/models/digits/versions/2/compare/1/rows.ndjson").status_code == 404
    assert as_("nobody").get(f"{address}.ndjson").status_code == 404


def test_a_long_list_goes_on_where_the_page_before_it_ended(proven, as_, monkeypatch):
    monkeypatch.setattr("releases.web.answers.PAGE_SIZE", 3)
    first = get(as_("vera"), f"{ROWS}?base=2&head=3")
    assert numbers(first) == [2, 3, 4]
    following = re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
    second = get(as_("vera"), ROWS + following)
    assert numbers(second) == [5]
    before = re.search(r'rel="prev" href="([^"]+)"', second)[1].replace("&amp;", "&")
    back = get(as_("vera"), ROWS + before)
    assert numbers(back) == [2, 3, 4]
    assert 'rel="prev"' not in back
    assert numbers(get(as_("vera"), f"{ROWS}?base=2&head=3&cursor=nonsense&order=none&only=x")) == [2, 3, 4]


def test_a_version_is_named_by_number_alias_or_identity_and_left_out_it_is_the_live_one(proven, as_):
    digest = proven.version.digest
    for query in ("base=2&head=3", "head=3", f"base=2&head={digest[:8]}", f"head={digest}"):
        assert numbers(get(as_("vera"), f"{ROWS}?{query}")) == [2, 3, 4, 5], query
    assert "version 5" in get(as_("vera"), f"{ROWS}?head=newest")


@pytest.mark.parametrize(
    "query", ["base=x&head=3", "base=2&head=99", "base=99999999999&head=3", "head=deadbeef"]
)
def test_an_address_that_names_no_two_versions_is_not_found(proven, as_, query):
    assert as_("vera").get(f"{ROWS}?{query}").status_code == 404


def test_whoever_may_not_see_the_model_sees_no_row(proven, as_):
    for address in (f"{ROWS}?base=2&head=3", f"{ROWS}.csv?base=2&head=3", f"{ROWS}.ndjson?base=2&head=3"):
        assert as_("nobody").get(address).status_code == 404
        assert as_("").get(address).status_code == 302


def test_a_page_costs_as_many_queries_for_many_rows_as_for_few(proven, as_, monkeypatch):
    client, costs = as_("vera"), []
    for size in (4, 1, 4):
        monkeypatch.setattr("releases.web.answers.PAGE_SIZE", size)
        with CaptureQueriesContext(connection) as asked:
            get(client, f"{ROWS}?base=2&head=3")
        costs.append(len(asked))
    assert costs[1] == costs[2] < 30
