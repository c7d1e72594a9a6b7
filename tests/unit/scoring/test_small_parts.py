"""Access, feedback, counters, the spool, and the rule by which a plan comes into force."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from formats.plan import (
    WHOLE,
    Arm,
    ArtifactRef,
    BadPlan,
    ModelPlan,
    PlannedToken,
    PlannedVersion,
    RoutingPlan,
    parse,
)
from formats.types import Signature
from scoring.errors import BadRequest, Forbidden, MissingToken, RunTimedOut, ScoringError
from scoring.node import exposition
from scoring.node.outbox.spool import Spool, SpoolFull
from scoring.node.plans.desired import Desired
from scoring.protocols.feedback import judge, read
from scoring.request_ids import INTERNAL, RequestId, make, model_tag
from scoring.statuses import STATUS, status_of
from scoring.telemetry import Cell, Meters
from scoring.worker.access import Access, permit
from scoring.worker.replies import milliseconds

KEY = bytes(32)


def test_a_token_counts_until_it_expires():
    now = [100.0]
    digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
    access = Access(
        [PlannedToken("a", digest, frozenset({"score"}), frozenset({"m"}), 200.0)], clock=lambda: now[0]
    )

    assert access.token(b"Bearer secret").id == "a"
    assert access.token(b"bearer  secret ").id == "a"
    now[0] = 200.0
    for sent in (b"Bearer secret", b"Bearer Secret", b"Basic secret", b"", b"secret"):
        with pytest.raises(MissingToken):
            access.token(sent)


def test_where_the_plan_is_public_a_wrong_token_is_still_wrong():
    access = Access([], public=True)

    assert access.token(b"").id == "public"
    with pytest.raises(MissingToken, match="revoked"):
        access.token(b"Bearer gone")


def test_scope_and_model_are_both_asked():
    token = PlannedToken("a", "", frozenset({"score"}), frozenset({"m"}))

    permit(token, "score", "m")
    with pytest.raises(Forbidden, match="scope score-version"):
        permit(token, "score-version", "m")
    with pytest.raises(Forbidden, match="'n'"):
        permit(token, "score", "n")


def test_every_error_has_a_code_of_its_own():
    kinds = ScoringError.__subclasses__()

    assert len({kind.code for kind in kinds} | {ScoringError.code}) == len(kinds) + 1
    assert status_of(ScoringError("")) == 500
    assert status_of(RunTimedOut("")) == 504
    assert set(STATUS) <= set(kinds)


def identity(arm, at_ms):
    return make(KEY, RequestId(model_tag("m"), 1, 1, arm, 5, at_ms, 0))


@pytest.mark.parametrize(
    ("item", "status"),
    [
        ({"request_id": identity(0, 1_000_000), "reward": 0.5}, "accepted"),
        ({"request_id": identity(255, 1_000_000), "label": "cat"}, "invalid"),
        ({"request_id": identity(0, 1_000_000), "label": False}, "accepted"),
        ({"request_id": identity(0, 899_000), "reward": 1}, "late"),
        ({"request_id": identity(INTERNAL, 1_000_000), "reward": 1}, "invalid"),
        ({"request_id": identity(0, 9_000_000), "reward": 1}, "invalid"),
        ({"request_id": identity(0, 1_000_000)}, "invalid"),
        ({"request_id": identity(0, 1_000_000), "reward": 1, "label": "x"}, "invalid"),
        ({"request_id": "x", "reward": 1}, "invalid"),
    ],
)
def test_what_an_id_alone_decides(item, status):
    judged = judge(read(json.dumps(item).encode(), 5), key=KEY, now=1000.0, window=100.0)

    assert [each["status"] for each in judged.statuses] == [status]
    assert bool(judged.accepted) == (status == "accepted")


def test_too_many_items_and_what_is_none_are_refused():
    with pytest.raises(BadRequest, match="at most 5"):
        read(json.dumps([{"request_id": "x"}] * 6).encode(), 5)
    for body in (b"[1]", b"3", b'"x"', b"[null]", b'{"reward":1,"reward":2}'):
        with pytest.raises(BadRequest):
            read(body, 5)


def test_counters_merge_by_addition():
    parts = [Meters(), Meters()]
    for meters, latency in zip(parts, (0.001, 20.0), strict=True):
        meters.cell(Cell("m", 1, "champion")).answered([latency], 3)
        meters.cell(Cell("m", 1, "champion")).failed("inference_failed")
        meters.refused["bad_request"] += 1
    total = Meters()
    for meters in parts:
        total.add(json.loads(json.dumps(meters.to_json())))

    assert (total.requests(), total.errors()) == (6, 4)
    text = exposition.render(total, [("assay_node_ready", {}, True)])
    assert 'assay_request_seconds_bucket{model="m",version="1",arm="champion",le="0.001"} 1\n' in text
    assert 'assay_request_seconds_bucket{model="m",version="1",arm="champion",le="+Inf"} 2\n' in text
    assert 'assay_errors_total{model="m",version="1",arm="champion",code="inference_failed"} 2\n' in text
    assert "assay_node_ready 1\n" in text


def test_a_label_cannot_break_the_page():
    meters = Meters()
    meters.refused['a"b\n'] += 1

    assert 'assay_refused_total{code="a\\"b\\n"} 1\n' in exposition.render(meters, [])


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, b"0.000"), (0.0012345, b"1.234"), (12.5, b"12500.000"), (-1, b"0.000")]
)
def test_durations(seconds, text):
    assert milliseconds(seconds) == text


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path, "b1", 1 << 20)
    yield spool
    spool.close()


def test_the_spool_keeps_what_is_not_acknowledged(spool):
    assert [spool.append({"n": n}) for n in range(3)] == [1, 2, 3]
    assert [batch.body for batch in spool.batches("b1", 1)] == [{"n": 1}, {"n": 2}]

    spool.forget("b1", 2)
    assert [batch.sequence for batch in spool.batches("b1", 0)] == [1, 2, 3]
    spool.forget("b1", 3)
    assert list(spool.batches("b1", 0)) == []
    assert spool.append({}) == 4


def test_a_torn_line_does_not_hide_what_comes_after(spool, tmp_path):
    spool.append({"n": 0})
    spool.close()
    with next(tmp_path.glob("b1/*.jsonl")).open("ab") as torn:
        torn.write(b'{"sequence":2,"it')
    spool.append({"n": 1})

    assert [batch.sequence for batch in spool.batches("b1", 0)] == [1, 2]


def test_a_full_spool_refuses(tmp_path):
    spool = Spool(tmp_path, "b1", 10)
    spool.append({"n": 0})

    with pytest.raises(SpoolFull):
        spool.append({"n": 1})
    spool.close()


def version(number, *, staged=False):
    return PlannedVersion(number, f"d{number}", ArtifactRef("0" * 64, 1), Signature((), ()), staged=staged)


def entry(revision, *numbers, staged=()):
    versions = {n: version(n, staged=n in staged) for n in numbers}
    live = next(n for n in numbers if n not in staged)
    return ModelPlan(revision, b"s", (Arm(live, WHOLE, "champion"),), versions)


def plan(sequence, **models):
    return RoutingPlan("production", sequence, 0.0, models)


def test_an_entry_comes_into_force_when_its_open_versions_are_loaded():
    desired = Desired().follow(plan(1, m=entry(1, 1, 2, staged=(2,))))
    assert desired.waiting() == ["m"]
    assert desired.adopt([]) is desired

    adopted = desired.adopt([("m", 1, "d1")])
    assert adopted.waiting() == []
    assert adopted.in_force() == {("m", 1, "d1")}
    assert set(adopted.needed()) == {("m", 1, "d1"), ("m", 2, "d2")}


def test_a_fallback_is_needed_when_the_version_before_it_is_broken():
    standing = replace(entry(1, 1, 2, staged=(2,)), fallback=2)
    desired = Desired().follow(plan(1, m=standing, n=entry(1, 7))).adopt([("m", 1, "d1"), ("n", 7, "d7")])

    assert desired.fallbacks([("m", 1, "d1"), ("n", 7, "d7")]) == {("m", 2, "d2")}
    assert desired.fallbacks([("n", 7, "d7")]) == set()


def test_the_former_entry_stays_until_the_next_can_be_followed():
    desired = Desired().follow(plan(1, m=entry(1, 1))).adopt([("m", 1, "d1")]).follow(plan(2, m=entry(2, 3)))

    assert desired.adopt([("m", 1, "d1")]) is desired
    assert desired.plan().models["m"].revision == 1
    assert desired.plan().sequence == 2
    assert set(desired.needed()) == {("m", 1, "d1"), ("m", 3, "d3")}
    after = desired.adopt([("m", 1, "d1"), ("m", 3, "d3")])
    assert after.plan().models["m"].revision == 2
    assert set(after.needed()) == {("m", 3, "d3")}


def test_neither_sequence_nor_revision_ever_falls():
    desired = Desired().follow(plan(5, m=entry(5, 1)))

    assert desired.follow(plan(5, m=entry(6, 1))) is desired
    assert desired.follow(plan(4, m=entry(6, 1))) is desired
    assert desired.follow(plan(6, m=entry(4, 2))).wanted.models["m"].revision == 5
    assert desired.follow(plan(6)).wanted.models == {}


def test_the_environment_and_the_tokens_are_the_newest():
    desired = Desired().follow(replace(plan(1, m=entry(1, 1)), public=True))

    assert desired.plan().public is True
    assert desired.follow(plan(2, m=entry(1, 1))).plan().public is False
    with pytest.raises(BadPlan):
        parse("{}")


def of(installation, sequence, at, **models):
    return RoutingPlan("production", sequence, at, models, installation=installation)


def test_a_database_made_anew_is_followed_and_its_predecessor_no_more():
    old = Desired().follow(of("a", 500, 10.0, m=entry(40, 1))).adopt([("m", 1, "d1")])

    new = old.follow(of("b", 3, 11.0, m=entry(1, 2)))
    assert (new.wanted.sequence, new.wanted.models["m"].revision) == (3, 1)
    assert new.adopt([("m", 2, "d2")]).in_force() == {("m", 2, "d2")}
    assert new.follow(of("a", 501, 10.5, m=entry(41, 1))) is new
    assert new.follow(of("b", 2, 12.0, m=entry(2, 2))) is new


def test_plans_that_name_no_installation_are_compared_as_before():
    old = Desired().follow(of("", 5, 10.0, m=entry(1, 1)))

    assert old.follow(of("b", 4, 11.0, m=entry(2, 1))) is old
    assert old.follow(of("b", 6, 11.0, m=entry(2, 1))).wanted.sequence == 6
