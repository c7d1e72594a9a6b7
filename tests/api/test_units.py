"""Outcomes of units come in by unit, and who was given what goes out: both doors as their users have them."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pyarrow.parquet
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from formats.plan import WHOLE
from registry.models import Event, Role
from releases.models import UnitOutcome
from releases.rollout.outcomes import exposures
from scoring.routing import named
from tests import makers
from tests.releases.going import BASE, NEW, going

pytestmark = pytest.mark.django_db
METRICS = {
    "bought": {"kind": "bad_event", "direction": "higher", "window_hours": 2},
    "stars": {"kind": "bounded", "low": 1, "high": 5, "default": 2, "window_hours": 2},
    "spent": {"kind": "ratio", "window_hours": 2},
}
NOW = datetime.now(UTC)


@pytest.fixture
def found(db):
    return going({"kind": "ab_test", "shadow": False}, METRICS)


@pytest.fixture
def warehouse(found, token_of):
    """A token that tells what became of units, and may do nothing else."""
    return token_of(makers.person("warehouse", Role.VIEWER, is_machine=True), "feedback")


@pytest.fixture
def tell(found, warehouse):
    return lambda *items: warehouse.post(f"/rollouts/{found.rollout.pk}/outcomes", list(items))


def item(unit="ana", metric="bought", value=1, **more):
    return {"unit": unit, "metric": metric, "value": value} | more


def test_a_unit_counts_once_for_a_metric_and_each_item_is_told(found, tell):
    found.see("ana", NOW, NEW)
    found.see("ben", NOW - timedelta(hours=4), BASE)
    found.see("eve", NOW, BASE)
    told = tell(
        item(),
        item(value=0),
        item("ben", at=(NOW - timedelta(hours=1)).isoformat()),
        item("eve", at=(NOW - timedelta(hours=2)).isoformat()),
        item("nobody"),
        item("ana", "stars", 4.5),
    ).json()
    assert [each["status"] for each in told] == [
        "accepted",
        "duplicate",
        "late",
        "early",
        "unknown",
        "accepted",
    ]
    assert told[0] == {"unit": "ana", "metric": "bought", "status": "accepted"}
    assert "has closed" in told[2]["reason"]
    again = tell(item(value=0), item("ana", "stars", 1)).json()
    assert [each["status"] for each in again] == ["duplicate", "duplicate"]
    assert sorted(UnitOutcome.objects.values_list("metric", "value")) == [("bought", 1.0), ("stars", 4.5)]
    event = Event.objects.get(kind="outcomes.ingested")
    assert (event.subject, event.facts["items"], event.facts["counted"]) == (found.rollout.subject, 6, 2)


def test_no_text_of_a_unit_is_kept(found, tell):
    found.see("ana@example.org", NOW, NEW)
    assert tell(item("ana@example.org")).json()[0]["status"] == "accepted"
    kept = [*UnitOutcome.objects.values(), *Event.objects.values("facts", "subject")]
    assert "ana" not in json.dumps(kept, default=str)


def test_a_unit_whose_answers_differ_later_has_that_long(found, tell):
    found.see("ana", NOW - timedelta(hours=4), NEW)
    found.differ("ana", NOW - timedelta(hours=1), NEW)
    assert tell(item()).json()[0]["status"] == "accepted"


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"unit": ""}, "unit", "1 to 1000 characters"),
        ({"unit": 7}, "unit", "as it was asked with"),
        ({"unit": "x" * 1001}, "unit", "1 to 1000 characters"),
        ({"metric": "clicks"}, "metric", "a metric of this rollout that units have: bought, stars, spent"),
        ({"metric": "errors"}, "metric", "a metric of this rollout"),
        ({"metric": ["bought"]}, "metric", "a metric of this rollout"),
        ({"value": 0.5}, "value", "Write 1 or 0: bought is yes or no"),
        ({"value": None}, "value", "Write 1 or 0"),
        ({"metric": "stars", "value": 5.5}, "value", "write 1 to 5"),
        ({"metric": "stars", "value": 0}, "value", "write 1 to 5"),
        ({"metric": "stars", "value": "4"}, "value", "as a number"),
        ({"metric": "spent", "value": 4}, "per", "as a number"),
        ({"per": 4}, "per", "is no ratio"),
        ({"at": "today"}, "at", "such as 2026"),
        ({"at": "2026-11-01T10:00:00"}, "at", "with its zone"),
        ({"at": (NOW + timedelta(hours=1)).isoformat()}, "at", "in the future"),
        ({"arm": 2}, "arm", "has no 'arm'"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field_and_nothing_is_kept(found, tell, wrong, field, sentence):
    found.see("ana", NOW, NEW)
    answer = tell(item(), item("ben") | wrong)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == f"[1].{field}"
    assert sentence in str(error)
    assert not UnitOutcome.objects.exists()


def test_a_call_holds_no_more_than_it_may(tell, warehouse, found):
    assert tell(*[item(str(n)) for n in range(1001)]).status_code == 422
    assert tell().status_code == 422
    for body in ("ana", 7, [["ana"]]):
        assert warehouse.post(f"/rollouts/{found.rollout.pk}/outcomes", body).status_code == 422


def test_a_rollout_of_one_step_is_judged_by_no_outcome(found, warehouse):
    plain = makers.rollout(found.rollout.release)
    answer = warehouse.post(f"/rollouts/{plain.pk}/outcomes", [item()])
    assert answer.status_code == 422
    assert "judged by no outcome" in answer.content.decode()


def test_who_may_tell_and_who_may_not(found, token_of):
    here = f"/rollouts/{found.rollout.pk}/outcomes"
    watch = makers.person("watch", Role.AUDITOR, is_machine=True)
    assert token_of(watch, "audit-read").post(here, [item()]).status_code == 403
    other = makers.model("letters")
    ci = makers.person("robots", Role.CONTRIBUTOR, is_machine=True)
    assert token_of(ci, "feedback", models=[other]).post(here, [item()]).status_code == 404
    assert token_of(ci, "feedback").post(here.replace(str(found.rollout.pk), "999"), []).status_code == 404


def exported(answer):
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_exposures_say_who_was_given_what_by_which_chance(found, token_of):
    first = found.revision
    found.see("ana", NOW, NEW)
    found.weigh({NEW: 0.25})
    found.see("ben", NOW - timedelta(hours=1), BASE)
    found.differ("ben", NOW, BASE)
    reader = token_of(makers.person("watch", Role.AUDITOR, is_machine=True), "audit-read")
    answer = reader.get(f"/rollouts/{found.rollout.pk}/exposures")
    assert answer["Content-Type"] == "application/x-ndjson"
    told = {line.pop("unit"): line for line in exported(answer)}
    assert told == {
        f"{found.place_of('ana'):016x}": {
            "arm": NEW, "reason": "split", "propensity": 0.5,
            "revision": first, "stage": 0, "at": NOW.isoformat(),
        },
        f"{found.place_of('ben'):016x}": {
            "arm": BASE, "reason": "split", "propensity": 0.75,
            "revision": first + 1, "stage": 0,
            "at": (NOW - timedelta(hours=1)).isoformat(),
        },
    }  # fmt: skip


def test_a_warehouse_reads_the_same_as_parquet(found, token_of):
    for n in range(5):
        found.see(f"unit {n}", NOW, NEW if n % 2 else BASE)
    reader = token_of(makers.person("watch", Role.AUDITOR, is_machine=True), "audit-read")
    here = f"/rollouts/{found.rollout.pk}/exposures"
    answer = reader.get(here, Accept="application/vnd.apache.parquet")
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    assert answer["Content-Disposition"].endswith('exposures.parquet"')
    rows = pyarrow.parquet.read_table(io.BytesIO(b"".join(answer.streaming_content))).to_pylist()
    assert [row | {"at": row["at"].isoformat()} for row in rows] == [
        line | {"context": None} for line in exported(reader.get(here))
    ]
    assert len(rows) == 5


def test_the_chance_counts_those_who_play_evenly_and_those_who_are_named(found):
    found.weigh({NEW: 0.0}, even=0.1)
    found.see("ana", NOW, NEW)
    found.weigh({NEW: 0.0}, trial=named(["ben"], bytes.fromhex(found.rollout.salt)))
    for unit, arm in (("ben", NEW), ("cleo", BASE)):
        found.see(unit, NOW, arm)

    chances = {line["unit"]: line["propensity"] for line in map(json.loads, exposures.lines(found.rollout))}
    assert [chances[f"{found.place_of(unit):016x}"] for unit in ("ana", "ben", "cleo")] == [0.05, 1.0, 1.0]


def test_exposures_are_for_those_who_may_read_logged_answers(found, warehouse, token_of):
    here = f"/rollouts/{found.rollout.pk}/exposures"
    assert warehouse.get(here).status_code == 403
    ci = makers.person("robots", Role.CONTRIBUTOR, is_machine=True)
    assert token_of(ci, "upload", "read", "feedback").get(here).status_code == 403


def test_exposures_are_read_as_they_are_sent(found, monkeypatch):
    monkeypatch.setattr(exposures, "AT_ONCE", 3)
    for n in range(7):
        found.see(f"unit {n}", NOW, NEW)
    with CaptureQueriesContext(connection) as asked:
        rest = exposures.lines(found.rollout)
        next(rest)
        assert len(asked) == 2, "the weights, and the first few units"
        told = [json.loads(line) for line in rest]
    assert len(asked) == 4
    hashes = {f"{found.place_of(f'unit {n}'):016x}" for n in range(7)}
    assert {line["unit"] for line in told} < hashes
    assert len(told) == 6


def test_a_chance_is_that_of_the_weights_to_the_last_bit(found):
    found.weigh({NEW: 3 / WHOLE})
    found.see("ana", NOW, NEW)
    assert json.loads(next(exposures.lines(found.rollout)))["propensity"] == 3 / WHOLE
