"""Both doors for feedback say the same of the same item, with the reason."""

from __future__ import annotations

import json
import time

import pytest
from django.conf import settings

from releases.models import Reward
from scoring import request_ids
from scoring.limits import Limits
from scoring.protocols import feedback
from scoring.request_ids import BY_NAME, INTERNAL, RequestId, model_tag
from tests import makers

DAY_S = 86_400
pytestmark = pytest.mark.django_db


def answered(arm=0, days_ago=0.0, counter=0, model="digits", rows=0) -> str:
    """The id of an answer that a client got."""
    at_ms = int((time.time() - days_ago * DAY_S) * 1000)
    said = RequestId(model_tag(model), 1, 1, arm, 5, at_ms, counter, rows)
    return request_ids.make(settings.REQUEST_KEY(), said)


COUNTS = {
    "a reward": {"reward": 0.5},
    "a whole number": {"reward": -1},
    "the most": {"reward": 1e9},
    "a text": {"label": "cat"},
    "a number": {"label": 3},
    "false": {"label": False},
    "nought": {"label": 0},
    "a label for each row": {"label": [3, 4]},
    "of any kind": {"label": ["cat", 1.5, True]},
    "a null beside it": {"reward": 1, "label": None},
    "all of 64 bits": {"label": -(2**63)},
}
DOES_NOT = {
    "neither": ({}, "either a reward or a label"),
    "both": ({"reward": 1, "label": 1}, "either a reward or a label"),
    "true as reward": ({"reward": True}, "reward must be a number"),
    "a text as reward": ({"reward": "1"}, "reward must be a number"),
    "a list as reward": ({"reward": [1]}, "reward must be a number"),
    "too large": ({"reward": 1e300}, "between -1e+09 and 1e+09"),
    "too small": ({"reward": -1e300}, "between -1e+09 and 1e+09"),
    "no labels": ({"label": []}, "one for each row"),
    "an object": ({"label": {"a": 1}}, "a label is a text"),
    "a list in a list": ({"label": [1, [2]]}, "label 1: a label is a text"),
    "an object in a list": ({"label": [{"a": 1}]}, "label 0: a label is a text"),
    "null in a list": ({"label": [1, None]}, "label 1: a label is a text"),
    "beyond 64 bits": ({"label": 2**64 - 1}, "at most 64 bits"),
    "a long text": ({"label": "x" * 1001}, "at most 1000 characters"),
    "too many rows": ({"label": [1] * 8193}, "1 to 8192"),
    "something else": ({"reward": 1, "arm": 2}, "not 'arm'"),
}


def at_the_node(item):
    items = feedback.read(json.dumps(item).encode(), 1000)
    key, window = settings.REQUEST_KEY(), Limits().reward_window_seconds
    (told,) = feedback.judge(items, key=key, now=time.time(), window=window).statuses
    return told


@pytest.mark.parametrize("value", COUNTS.values(), ids=COUNTS)
def test_what_counts_at_one_door_counts_at_the_other(ci, digits, value):
    item = {"request_id": answered(), **value}
    assert at_the_node(item) == {"request_id": item["request_id"], "status": "accepted"}
    answer = ci.post("/feedback", item)

    assert (answer.status_code, answer.json()) == (200, [at_the_node(item)])
    row = Reward.objects.get()
    kept = {"reward": row.reward, "label": row.label}
    assert kept == {"reward": None, "label": None, **value}
    (again,) = ci.post("/feedback", [item]).json()
    assert (again["status"], "already" in again["reason"]) == ("duplicate", True)


@pytest.mark.parametrize(
    ("rows", "label", "why"),
    [
        (3, [1, 2, 3], ""),
        (1, 7, ""),
        (1, [7], ""),
        (0, [1, 2], ""),
        (3, [1, 2], "2 labels for 3 rows: one for each"),
        (1, [1, 2], "2 labels for 1 row: one for each"),
        (2, [1], "1 label for 2 rows: one for each"),
        (3, 7, "one label for 3 rows: send a list with one for each"),
        (3, False, "one label for 3 rows: send a list with one for each"),
    ],
)
def test_labels_are_as_many_as_the_request_had_rows_at_both_doors(ci, digits, rows, label, why):
    item = {"request_id": answered(rows=rows), "label": label}
    answer = ci.post("/feedback", item).json()

    assert answer == [at_the_node(item)]
    assert answer[0].get("reason", "") == why
    assert Reward.objects.count() == (not why)


def test_a_reward_is_for_the_whole_request(ci, digits):
    assert (
        ci.post("/feedback", {"request_id": answered(rows=3), "reward": 1}).json()[0]["status"] == "accepted"
    )


@pytest.mark.parametrize(("value", "why"), DOES_NOT.values(), ids=DOES_NOT)
def test_what_does_not_count_is_refused_by_both_in_the_same_words(ci, digits, value, why):
    item = {"request_id": answered(), **value}
    told = at_the_node(item)
    answer = ci.post("/feedback", [item])

    assert (answer.status_code, answer.json()) == (200, [told])
    assert told["status"] == "invalid"
    assert why in told["reason"]
    assert not Reward.objects.exists()


@pytest.mark.parametrize(
    ("request_id", "status", "why"),
    [
        (lambda: "no id", "invalid", "64 letters"),
        (lambda: 5, "invalid", "must be the text"),
        (lambda: None, "invalid", "must be the text"),
        (lambda: "A" * 64, "invalid", "not made here"),
        (lambda: answered(arm=BY_NAME), "invalid", "by version number"),
        (lambda: answered(arm=INTERNAL), "invalid", "verification"),
        (lambda: answered(days_ago=-1), "invalid", "future"),
        (lambda: answered(days_ago=8), "late", "7 days"),
    ],
)
def test_whose_answer_it_was_is_judged_alike(ci, digits, request_id, status, why):
    item = {"request_id": request_id(), "reward": 1}
    told = at_the_node(item)

    assert ci.post("/feedback", [item]).json() == [told]
    assert told["status"] == status
    assert why in told["reason"]
    assert not Reward.objects.exists()


def test_a_model_that_nobody_has_is_unknown_and_good_items_beside_bad_ones_count(ci, digits):
    items = [
        {"request_id": answered(model="nobody"), "reward": 1},
        {"request_id": answered(counter=1), "reward": 1e300},
        {"request_id": answered(counter=2), "reward": 1},
    ]
    told = ci.post("/feedback", items).json()
    assert [one["status"] for one in told] == ["unknown", "invalid", "accepted"]
    assert ["reason" in one for one in told] == [True, True, False]


def test_a_number_that_no_json_holds_stops_nothing(ci, digits):
    raw = f'[{{"request_id":"x","reward":1e999}},{{"request_id":"{answered()}","reward":1}}]'
    answer = ci.http.generic(
        "POST", "/api/v1/feedback", raw, content_type="application/json", headers=ci.headers
    )
    assert [one["status"] for one in answer.json()] == ["invalid", "accepted"]


@pytest.mark.parametrize("body", [[1], ["x"], [[]], [None], [], 3, "x"])
def test_items_are_objects(ci, digits, body):
    assert ci.post("/feedback", body).status_code == 422


def test_a_reward_beyond_the_policy_s_range_is_refused_and_not_cut_to_fit(robot, ci):
    policy = {"metrics": {"reward": {"kind": "bounded", "direction": "higher", "low": 0, "high": 5}}}
    makers.model("digits", robot, policy=policy)
    items = [{"request_id": answered(counter=n), "reward": value} for n, value in enumerate((5, 5.1, -1))]
    told = ci.post("/feedback", [*items, {"request_id": answered(counter=9), "label": 7}]).json()
    assert [each["status"] for each in told] == ["accepted", "invalid", "invalid", "accepted"]
    assert told[1]["reason"] == "reward must be between 0 and 5, as the policy of digits says"
    assert sorted(Reward.objects.values_list("reward", flat=True), key=str) == [5.0, None]
    again = ci.post("/feedback", [{"request_id": items[1]["request_id"], "reward": 4}]).json()
    assert again[0]["status"] == "accepted", "what was refused took nobody's place"
    alone = ci.post("/feedback", {"request_id": answered(counter=20), "reward": 7})
    words = "Reward must be between 0 and 5, as the policy of digits says."
    assert (alone.status_code, alone.json()["errors"]) == (422, [{"field": "reward", "message": words}])
