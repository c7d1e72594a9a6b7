"""Counters of the nodes: counted exactly once, kept apart where they must be, summed up as they age."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import redis

from registry.events import record
from registry.transactions import write
from releases.events import Kind
from releases.models import CounterShipment, NodeTraffic, Route, Stage, Traffic
from releases.traffic import counters, feedback, figures, intake, series, spans
from scoring.telemetry import Cell, Meters
from tests import makers
from tests.releases import units

pytestmark = pytest.mark.django_db


class Stream:
    """A stream of counters as nodes fill it, in an environment of this test's own."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url)
        self.environment = makers.environment(f"e{uuid.uuid4().hex[:12]}")
        self.name = f"assay:{self.environment.name}:counters"

    def send(self, sequence, *, node="n1", boot="b1", after=0, model="m", arm="champion", at=None, **more):
        meters = Meters()
        meter = meters.cell(Cell(model, 1, arm))
        meter.answered([0.002, 0.003, 0.2], 30)
        meter.failed("bad_tensor")
        meter.outside["x"] += 5
        meter.beyond["x"] += 2
        meters.refused["missing_token"] += 2
        now = time.time() if at is None else at
        told = {"node": node, "boot": boot, "after": after, "sequence": sequence, "from": now - 5, "to": now}
        self.client.xadd(self.name, {"batch": json.dumps({**told, **meters.to_json(), **more})})

    def acknowledged(self, node="n1", boot="b1") -> int:
        return int(self.client.hget(f"{self.name}:acked", f"{node}:{boot}") or 0)

    def ingest(self) -> int:
        return counters.ingest(self.environment)


@pytest.fixture
def stream(broker):
    return Stream(broker)


@pytest.fixture
def model():
    return makers.model("m")


def requests(kind=Traffic, span: int = 60) -> int:
    return sum(kind.objects.filter(span=span).values_list("requests", flat=True))


def line(model, stream, span: str = "1h"):
    return series.of_model(model, spans.until_now(spans.SPANS[span])).lines[stream.environment.name]


def test_flushes_of_a_minute_are_one_row_with_all_that_was_counted(stream, model):
    now = datetime.now(UTC).timestamp() // 60 * 60 - 30
    stream.send(1, at=now)
    stream.send(2, at=now + 5)
    stream.send(1, node="n2", at=now)
    assert stream.ingest() == 3

    row = Traffic.objects.get(span=60)
    assert (row.model, row.environment, row.version, row.arm) == (model, stream.environment, 1, "champion")
    assert (row.requests, row.rows, row.codes, row.span) == (12, 90, {"bad_tensor": 3}, 60)
    assert row.seconds == pytest.approx(3 * 0.205)
    assert sum(count for _, count in row.buckets) == 9
    assert row.at.timestamp() == now // 60 * 60
    told = {node.node: (node.requests, node.codes) for node in NodeTraffic.objects.filter(span=60)}
    assert told["n1"] == (12, {"bad_tensor": 2, "missing_token": 4})
    assert told["n2"] == (6, {"bad_tensor": 1, "missing_token": 2})
    assert stream.acknowledged() == 2
    assert stream.acknowledged("n2") == 1
    assert stream.client.xlen(stream.name) == 0


def test_what_comes_again_is_acknowledged_again_and_counted_once(stream, model):
    stream.send(1)
    assert stream.ingest() == 1
    for _ in range(3):
        stream.send(1)
        stream.send(2)
    assert stream.ingest() == 1
    assert requests() == 8
    assert stream.acknowledged() == 2
    assert CounterShipment.objects.get().sequence == 2


def test_after_a_gap_nothing_is_taken_until_what_is_missing_has_come(stream, model):
    stream.send(1)
    stream.send(3)
    assert stream.ingest() == 1
    assert stream.acknowledged() == 1
    stream.send(2, after=1)
    stream.send(3, after=1)
    assert stream.ingest() == 2
    assert requests() == 12


def test_a_database_that_is_older_than_the_acknowledgements_goes_on_with_what_comes(stream, model):
    stream.send(57, after=55)
    stream.send(56, after=55)
    stream.send(57, after=55)
    assert stream.ingest() == 2
    assert stream.acknowledged() == 57


def test_boots_of_a_node_count_by_themselves(stream, model):
    stream.send(1)
    stream.send(1, boot="b2")
    assert stream.ingest() == 2
    assert requests() == 8


def test_our_own_calls_are_kept_apart_and_no_client_figure_has_them(stream, model):
    stream.send(1, arm="internal", refused={})
    stream.send(2, arm="canary:0.05", refused={})
    stream.send(3, arm="canary:0.25", refused={})
    stream.ingest()

    minutes = Traffic.objects.filter(span=60)
    assert set(minutes.values_list("arm", "requests")) == {("internal", 4), ("canary", 8)}
    assert requests(NodeTraffic) == 8
    assert [(line.arm, line.figures.requests) for line in figures.by_arm(model)] == [("canary", 8)]
    assert line(model, stream).figures.requests == 8
    assert len(figures.by_arm(model, internal=True)) == 2


def test_copies_for_a_shadow_version_have_a_line_of_their_own_and_are_no_clients(stream, model):
    stream.send(1, arm="mirror", refused={})
    stream.send(2, refused={})
    stream.ingest()

    assert [(line.arm, line.figures.requests) for line in figures.by_arm(model)] == [
        ("champion", 4), ("mirror", 4),
    ]  # fmt: skip
    assert requests(NodeTraffic) == 4
    assert line(model, stream).figures.requests == 4


def test_what_nobody_can_read_or_nobody_knows_holds_up_nothing(stream, model):
    stream.send(1, cells="nonsense")
    stream.send(2, model="gone")
    stream.send(3)
    stream.ingest()

    assert requests() == 4
    assert requests(NodeTraffic) == 12
    assert stream.acknowledged() == 3


def test_a_clock_that_is_wrong_writes_no_far_off_rows(stream, model):
    stream.send(1, at=time.time() + 90 * 86_400)
    stream.send(2, at=0.0)
    stream.ingest()

    now = datetime.now(UTC)
    assert all(now - timedelta(days=8) < row.at <= now for row in Traffic.objects.all())


def test_figures_are_those_of_all_that_was_counted(stream, model):
    stream.send(1)
    stream.ingest()
    [line] = figures.by_arm(model)

    assert (line.environment, line.version, line.arm) == (stream.environment.name, 1, "champion")
    assert (line.figures.requests, line.figures.errors, line.figures.error_rate) == (4, 1, 0.25)
    assert line.figures.p50_ms == pytest.approx(3, rel=0.07)
    assert line.figures.p99_ms == pytest.approx(200, rel=0.07)
    observed = series.of_nodes(stream.environment, ["n1", "n2"])
    assert observed["n1"].figures.requests == 6
    assert sum(point.figures.requests for point in observed["n1"].points) == 6
    assert observed["n2"].figures.error_rate is None
    assert [point.figures.p99_ms for point in observed["n2"].points] == [None] * 60


def test_a_request_is_counted_in_its_minute_its_hour_and_its_day_and_each_once(stream, model):
    start = datetime.now(UTC) - timedelta(days=3)
    for minute in range(300):
        stream.send(minute + 1, at=(start + timedelta(minutes=minute)).timestamp())
        if minute % 100 == 99:
            stream.ingest()
    stream.send(1, at=start.timestamp())
    stream.ingest()

    assert [requests(span=span) for span in (60, 3600, 86_400)] == [1200] * 3
    assert [requests(NodeTraffic, span) for span in (60, 3600, 86_400)] == [1800, 1800, 0]
    assert Traffic.objects.filter(span=3600).count() in {5, 6}
    assert Traffic.objects.filter(span=86_400).count() in {1, 2}
    hours = Traffic.objects.filter(span=3600)
    assert all(row.at.timestamp() % 3600 == 0 for row in hours)
    assert sum(sum(count for _, count in row.buckets) for row in hours) == 900


def test_rows_go_when_the_time_of_their_span_is_over(stream, model):
    stream.send(1)
    stream.ingest()
    now = datetime.now(UTC)

    def left(moment) -> set[int]:
        counters.forget_old(moment)
        return set(Traffic.objects.values_list("span", flat=True))

    assert counters.forget_old(now) == 0
    assert left(now + counters.KEPT[60] - timedelta(minutes=2)) == {60, 3600, 86_400}
    assert left(now + counters.KEPT[60] + timedelta(minutes=1)) == {3600, 86_400}
    assert CounterShipment.objects.count() == 1
    assert left(now + counters.KEPT[3600] + timedelta(minutes=1)) == {86_400}
    assert (NodeTraffic.objects.count(), CounterShipment.objects.count()) == (0, 0)
    assert left(now + counters.KEPT[86_400] + timedelta(minutes=1)) == set()


def test_what_is_old_goes_in_pieces(stream, model, monkeypatch):
    monkeypatch.setattr(counters, "FORGOTTEN_AT_ONCE", 2)
    old = time.time() - 30 * 3600
    for minute in range(5):
        stream.send(minute + 1, at=old + 60 * minute, refused={})
    stream.ingest()
    assert [counters.forget_old() for _ in range(4)] == [4, 4, 2, 0]


def test_what_lies_beyond_limits_is_counted_once_and_lives_on_in_days(stream, model):
    old = time.time() - 30 * 3600
    for sequence, at in ((1, old), (2, old + 60)):
        stream.send(sequence, at=at)
    stream.send(1, at=old)
    assert stream.ingest() == 2
    counters.forget_old()

    for span in ("7d", "90d"):
        (arm,) = series.of_model(model, spans.until_now(spans.SPANS[span])).arms
        assert arm.figures.beyond_limits == [figures.Beyond("x", 4, 10)]
        assert arm.figures.requests == 8


def test_a_chart_reads_rows_of_one_span_in_one_query_and_never_more_than_so_many(
    stream, model, monkeypatch, django_assert_num_queries
):
    now = datetime.now(UTC)
    for ago in range(5):
        for version in (1, 2):
            Traffic.objects.create(
                environment=stream.environment, model=model, version=version, arm="champion", requests=7,
                span=86_400, at=now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=ago),
            )  # fmt: skip
    window = spans.until_now(spans.SPANS["90d"])
    with django_assert_num_queries(1):
        seen = series.of_model(model, window)
    assert (seen.lines[stream.environment.name].figures.requests, seen.since) == (70, None)

    monkeypatch.setattr(series, "MOST_ROWS", 5)
    with django_assert_num_queries(1) as asked:
        seen = series.of_model(model, window)
    assert "LIMIT 6" in asked[0]["sql"]
    assert seen.lines[stream.environment.name].figures.requests == 28  # the third day is not there in whole
    assert seen.since.date() == now.date() - timedelta(days=1)


def test_the_last_request_is_found_however_old_it_is(stream, model):
    assert series.last_asked(model) is None
    stream.send(1, at=time.time() - 5 * 86_400)
    stream.send(2, arm="internal")
    stream.ingest()
    last = series.last_asked(model)
    assert spans.reaching(last, datetime.now(UTC)).name == "7d"
    counters.forget_old(datetime.now(UTC) + timedelta(days=57, hours=23))
    assert series.last_asked(model).timestamp() % 86_400 == 0


def test_a_flush_of_an_older_node_knows_of_no_limits(stream, model):
    meters = Meters()
    meters.cell(Cell("m", 1, "champion")).answered([0.1], 1)
    cells = meters.to_json()["cells"]
    for name in ("outside", "beyond"):
        del cells[0][3][name]
    stream.send(1, cells=cells)

    assert stream.ingest() == 1
    assert figures.by_arm(model)[0].figures.beyond_limits == []


@pytest.mark.parametrize(
    "said",
    ["", "hello", "[]", "{}", '{"node": 1, "boot": "b", "sequence": 1}', '{"node": "n", "boot": "b"}',
     '{"node": "n", "boot": "b", "sequence": "2"}', '{"node": "n\\u0000", "boot": "b", "sequence": 2}'],
)  # fmt: skip
def test_what_is_no_shipment_stands_before_no_other(stream, model, said):
    """One foreign entry stopped the counting of an environment for ever."""
    stream.client.xadd(stream.name, {"batch": said} if said else {"else": "x"})
    stream.send(1, segments=5)

    assert stream.ingest() == 1
    assert (stream.acknowledged(), stream.client.xlen(stream.name)) == (1, 0)


@pytest.mark.parametrize("items", [None, {}, [1], [{"at": "noon"}]], ids=str)
def test_feedback_that_cannot_be_read_is_not_acknowledged_and_stops_nobody(stream, items):
    name = f"assay:{stream.environment.name}:feedback"
    for node, what in (("newer", items), ("ours", [])):
        told = {"node": node, "boot": "b1", "after": 0, "sequence": 1, "items": what}
        stream.client.xadd(name, {"batch": json.dumps(told)})
    feedback.ingest(stream.environment)

    acknowledged = stream.client.hgetall(f"{name}:acked")
    assert acknowledged == {b"newer:b1": b"0", b"ours:b1": b"1"}
    assert stream.client.xlen(name) == 0


def test_batches_that_a_node_has_deleted_are_not_waited_for(stream):
    """The database is older than the node's last word: it was restored, or a batch's row is gone."""
    name = f"assay:{stream.environment.name}:feedback"
    for sequence in (4, 6):
        told = {"node": "n", "boot": "b1", "after": 3, "sequence": sequence, "items": []}
        stream.client.xadd(name, {"batch": json.dumps(told)})
    feedback.ingest(stream.environment)
    assert stream.client.hgetall(f"{name}:acked") == {b"n:b1": b"4"}


# ---- stages of rollouts


@pytest.fixture
def stage(model, stream):
    """A stage that is open, with three revisions, of which the last has the weights of the first; another is
    of no stage."""
    release = makers.release(makers.version(model), environment=stream.environment.name)
    made = Stage.objects.create(rollout=makers.rollout(release), place=0, kind="split")
    with write():
        for revision, of, spell in ((5, made, None), (6, made, 6), (7, None, None), (8, made, 5)):
            event = record(Kind.ROUTE_REVISED, "route/x/m", actor="system/test")
            Route.objects.create(
                model=model,
                environment=stream.environment,
                revision=revision,
                entry={},
                event=event,
                stage=of,
                spell=spell,
            )
    return made


def chosen(*counts, arm="canary:0.05"):
    meters = Meters()
    for revision, times in counts:
        meters.cell(Cell("m", 2, arm, revision)).answered([0.002] * times, times)
    return meters.to_json()


def of_stage(stage):
    return {(row.revision, row.version, row.arm): row.requests for row in stage.traffic.all()}


def test_counts_belong_to_the_stage_whose_weights_chose_the_arm(stream, stage):
    stream.send(1, **chosen((5, 3), (6, 2), (7, 9), (0, 1)))
    stream.send(2, **chosen((5, 1), (6, 2), (8, 3)))
    stream.ingest()
    assert of_stage(stage) == {(5, 2, "canary"): 7, (6, 2, "canary"): 4}
    assert requests() == 21, "charts know no revisions"


def test_what_is_sent_again_counts_once_for_its_stage_too(stream, stage):
    for _ in range(3):
        stream.send(1, **chosen((5, 3)))
        stream.ingest()
    assert of_stage(stage) == {(5, 2, "canary"): 3}


def test_a_stage_that_is_over_takes_what_comes_late_and_not_what_is_asked_later(stream, stage):
    Stage.objects.update(ended_at=datetime.now(UTC) - timedelta(days=2))
    stream.send(1, at=time.time() - 2.5 * 86400, **chosen((5, 3)))
    stream.send(2, **chosen((5, 50)))
    stream.ingest()
    assert of_stage(stage) == {(5, 2, "canary"): 3}


def test_counts_of_stages_go_two_years_after_these(stream, stage):
    stream.send(1, **chosen((5, 3)))
    stream.ingest()
    counters.forget_old()
    assert of_stage(stage)
    Stage.objects.update(ended_at=datetime.now(UTC) - timedelta(days=732))
    counters.forget_old()
    assert not of_stage(stage)


# ---- after an outage


def told_of(rollout, first, many):
    """As many facts about units, from that one on."""
    facts = [["seen", units.FIRST + 1, units.OLD, 0, unit, 0] for unit in range(first, first + many)]
    return {str(rollout.pk): {"facts": facts}}


def test_what_waits_after_an_outage_comes_in_with_several_ticks_and_counts_once(stream, model, monkeypatch):
    monkeypatch.setattr(intake, "MOST_AT_ONCE", 5)
    monkeypatch.setattr(intake, "MOST_A_TICK", 9)
    rollout = units.going(environment=stream.environment.name)
    taken = []
    monkeypatch.setattr(
        counters, "_add", lambda environment, batches: taken.append([each.sequence for each in batches])
    )
    for sequence in range(1, 8):
        many = 12 if sequence == 4 else 2
        stream.send(sequence, rollouts=told_of(rollout, 100 * sequence, many))
    assert [stream.ingest() for _ in range(4)] == [4, 3, 0, 0]
    assert taken == [[1, 2], [3], [4], [5, 6], [7]], "what is told at once is never parted, and order stands"
    assert sum(units.counted(rollout).values()) == rollout.facts.count() == 6 * 2 + 12
    assert stream.acknowledged() == 7
