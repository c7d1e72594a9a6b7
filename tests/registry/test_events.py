from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.db import DatabaseError, transaction

from registry import events, ledger, witness
from registry.events import Kind, record
from registry.models import Event, LogHead, Outbox
from registry.transactions import write
from tests import makers

pytestmark = pytest.mark.django_db


@pytest.fixture
def log() -> list[Event]:
    """Five events."""
    with write():
        return [record(Kind.MODEL_UPDATED, f"model/m{n}", actor="person/ana", note=n) for n in range(5)]


def test_every_event_follows_the_one_before_and_waits_in_the_outbox(log):
    assert [event.seq for event in log] == [1, 2, 3, 4, 5]
    assert [event.previous for event in log] == [ledger.GENESIS] + [event.digest for event in log[:-1]]
    assert Outbox.objects.count() == 5
    assert LogHead.objects.get().digest == log[-1].digest


def test_what_is_hashed_holds_everything_the_columns_say(log):
    told = json.loads(log[2].payload)
    assert (told["kind"], told["subject"], told["actor"]) == ("model.updated", "model/m2", "person/ana")
    assert told["facts"] == {"note": 2}


def test_the_untouched_log_verifies(log, settings, tmp_path):
    settings.WITNESS_FILE = tmp_path / "heads.log"
    makers.witness_sees_head()
    report = events.verify()
    assert report.intact
    assert report.events == 5


def test_nothing_is_recorded_outside_a_write():
    with pytest.raises(events.NotWriting):
        record(Kind.MODEL_UPDATED, "model/m", actor="person/ana")


def test_a_change_that_fails_leaves_no_event():
    def change():
        with write():
            record(Kind.MODEL_UPDATED, "model/m", actor="person/ana")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change()
    assert not Event.objects.exists()
    assert LogHead.objects.filter(seq__gt=0).count() == 0


@pytest.mark.parametrize("attack", ["update", "delete"])
def test_the_database_refuses_to_edit_the_log(log, attack):
    row = Event.objects.filter(seq=3)
    deed = {"update": lambda: row.update(actor="person/eve"), "delete": lambda: row._raw_delete("default")}
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        deed[attack]()


def told(payload: str, **other: str) -> str:
    """As the columns tell it: in a spelling of their own, like the database's."""
    return json.dumps(json.loads(payload) | other)


def lines(log: list[Event]) -> list[ledger.Line]:
    return [
        ledger.Line(
            e.seq,
            e.previous,
            e.digest,
            e.payload,
            told(e.payload),
        )
        for e in log
    ]


def edited(line: ledger.Line) -> ledger.Line:
    return replace(line, payload=line.payload.replace("ana", "eve"))


ATTACKS = {
    "text changed": (lambda rows: [*rows[:2], edited(rows[2]), *rows[3:]], 3),
    "column changed": (
        lambda rows: [*rows[:2], replace(rows[2], told=told(rows[2].payload, kind="x")), *rows[3:]],
        3,
    ),
    "row deleted": (lambda rows: [*rows[:2], *rows[3:]], 3),
    "rows swapped": (lambda rows: [rows[1], rows[0], *rows[2:]], 1),
    "row inserted": (lambda rows: [*rows[:2], rows[1], *rows[2:]], 3),
    "tail cut": (lambda rows: rows[:3], 4),
    "digest recomputed": (
        lambda rows: [
            *rows[:2],
            replace(edited(rows[2]), digest=ledger.chained(3, rows[2].previous, edited(rows[2]).payload)),
            *rows[3:],
        ],
        3,
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_single_attack_on_the_log_is_found_at_its_line(log, attack):
    change, broken_at = ATTACKS[attack]
    report = ledger.verify(change(lines(log)), {}, (5, log[-1].digest))
    assert not report.intact
    assert report.broken_at == broken_at


def test_a_log_that_was_rewritten_as_a_whole_contradicts_its_witness(log):
    seen = {e.seq: e.digest for e in log}
    rewritten, previous = [], ledger.GENESIS
    for line in lines(log):
        payload = line.payload.replace("ana", "eve")
        digest = ledger.chained(line.seq, previous, payload)
        rewritten.append(ledger.Line(line.seq, previous, digest, payload, told(payload)))
        previous = digest
    assert ledger.verify(rewritten, {}, (5, previous)).intact, "the chain alone cannot see this"
    report = ledger.verify(rewritten, seen, (5, previous))
    assert report.broken_at == 1
    assert "witness" in report.reason


def test_a_tail_cut_together_with_the_head_is_seen_by_the_witness(log):
    seen = {e.seq: e.digest for e in log}
    report = ledger.verify(lines(log)[:3], seen, (3, log[2].digest))
    assert report.broken_at == 4


def test_a_savepoint_that_is_rolled_back_leaves_no_gap_in_the_log():
    with write():
        record(Kind.MODEL_CREATED, "model/m", actor="person/ana")
        with transaction.atomic():
            record(Kind.MODEL_UPDATED, "model/m", actor="person/ana")
            transaction.set_rollback(True)
        last = record(Kind.MODEL_UPDATED, "model/m", actor="person/ana")
    assert last.seq == 2
    report = ledger.verify(events._lines(), {}, (2, last.digest))
    assert report.intact


@pytest.mark.parametrize("word", ['a "quoted" one', "back\\slash\n", "Grüße\u2028 \x7f", "\U0001f600", ""])
def test_the_text_that_is_hashed_is_canonical(word):
    columns = {"actor": word, "at": "2026", "kind": word, "model": word, "subject": word}
    facts = {"b": [1.5, None, True, word], "a": {"z": 1, "y": 10**20}}
    told = ledger.payload(**columns, facts=ledger.canonical(facts))
    assert told == ledger.canonical(columns | {"facts": facts})
    assert json.loads(told) == columns | {"facts": facts}


def test_the_witness_keeps_what_it_saw_and_ignores_a_torn_line(tmp_path):
    path = tmp_path / "heads.log"
    witness.note(path, 1, "a" * 64)
    witness.note(path, 2, "b" * 64)
    with path.open("a") as torn:
        torn.write("3 cc")
    assert witness.read(path) == witness.Witness({1: "a" * 64, 2: "b" * 64})


def test_what_an_inner_change_recorded_and_took_back_is_never_witnessed(
    settings, tmp_path, django_capture_on_commit_callbacks
):
    settings.WITNESS_FILE = tmp_path / "heads.log"

    def fail():
        with write():
            record(Kind.MODEL_UPDATED, "model/m", actor="person/ana")
            raise RuntimeError

    with django_capture_on_commit_callbacks(execute=True), write(), pytest.raises(RuntimeError):
        fail()
    with django_capture_on_commit_callbacks(execute=True), write():
        record(Kind.MODEL_CREATED, "model/m", actor="person/ana")
        last = record(Kind.MODEL_UPDATED, "model/m", actor="person/ana")

    assert witness.read(settings.WITNESS_FILE) == witness.Witness({2: last.digest})
    assert events.verify().intact
