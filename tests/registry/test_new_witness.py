"""A lost witness alarms until two people have looked into it, and what was lost is told ever after."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from registry import events, witness
from registry.errors import BadInput, Conflict, NotAllowed
from registry.events import Kind, record
from registry.ledger.__main__ import main
from registry.models import Event, Role
from registry.services import witnesses
from registry.services.tokens import create_token
from registry.services.witnesses import begin_anew
from registry.transactions import write
from registry.web.audit import json_lines
from tests import makers
from tests.makers import PASSWORD

pytestmark = pytest.mark.django_db
WHY = "the disk of the witness died, heads of two nodes agree"
OTHER = "f" * 64


@pytest.fixture
def dara():
    return makers.person("dara", Role.AUDITOR)


@pytest.fixture
def root():
    return makers.person("root", admin=True)


@pytest.fixture
def lost(settings, tmp_path, dara, root) -> None:
    """A log of more than a hundred events whose witness is gone."""
    settings.WITNESS_FILE = tmp_path / "heads.log"
    happens(witness.FIRST_GAP + 10)
    makers.witness_sees_head()
    settings.WITNESS_FILE.unlink()


def happens(times: int = 1) -> Event:
    with write():
        return [record(Kind.MODEL_UPDATED, "model/m", actor="person/ana") for _ in range(times)][-1]


@pytest.fixture
def commits(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def begun(commits, *people) -> Event:
    for each in people:
        with commits():
            event = begin_anew(WHY, by=each)
    return event


def test_going_on_does_not_mend_a_lost_witness(lost, commits):
    assert events.witness_standing().word == "missing"
    with commits():
        happens()
    assert events.witness_standing().word == "disagrees"
    assert "saw none of the events 1 to" in events.witness_standing().sentence
    assert not events.verify().intact


def test_two_people_begin_a_new_witness_and_the_loss_is_told_ever_after(lost, commits, dara, root):
    asked = begun(commits, dara)
    assert (asked.kind, asked.actor, asked.facts["head"]) == ("witness.asked", "person/dara", asked.seq - 1)
    assert not events.verify().intact, "one alone mends nothing"

    event = begun(commits, root)

    stands, report = events.witness_standing(), events.verify()
    told = (
        f"It was begun anew at event {event.seq} by person/dara and person/root; until then: The witness file"
    )
    assert (stands.word, told in stands.sentence) == ("agrees", True)
    assert report.intact
    assert report.past[0].startswith(told)
    assert "is missing" in report.past[0]
    with commits():
        happens(5)
    assert events.witness_standing().sentence.startswith(f"The witness has seen event {event.seq + 5} of")
    assert told in events.witness_standing().sentence


def test_what_contradicted_the_log_before_is_told_as_past(lost, settings, commits, dara, root):
    makers.witness_sees_head()
    witness.append(settings.WITNESS_FILE, f"7 {OTHER}")
    witness.append(settings.WITNESS_FILE, "nothing")
    begun(commits, dara, root)
    report = events.verify()
    assert report.intact
    assert any("is no head of a log" in one for one in report.past)


@pytest.mark.usefixtures("lost")
def test_an_event_that_an_earlier_witness_saw_otherwise_is_told_as_past(settings, commits, dara, root):
    makers.witness_sees_head()
    lines = settings.WITNESS_FILE.read_text().splitlines()
    lines[6] = f"7 {OTHER}"
    settings.WITNESS_FILE.write_text("\n".join([*lines, "nothing", ""]))
    begun(commits, dara, root)
    assert "event 7 is not the one that an earlier witness saw" in events.verify().past


def test_one_person_is_not_two(lost, commits, dara):
    begun(commits, dara)
    with pytest.raises(NotAllowed, match="another auditor or admin"):
        begin_anew(WHY, by=dara)


def test_who_may_not_begin_one(lost, dara):
    vera, machine = makers.person("vera", Role.VIEWER), makers.person("ci", Role.AUDITOR, is_machine=True)
    token, _ = create_token("t", owner=dara, by=dara, scopes=["audit-read"])
    for by, given in ((vera, None), (machine, None), (dara, token)):
        with pytest.raises(NotAllowed):
            begin_anew(WHY, by=by, token=given)
    with pytest.raises(BadInput):
        begin_anew("because", by=dara)
    assert not Event.objects.filter(kind=Kind.WITNESS_ASKED).exists()


def test_a_witness_that_agrees_is_not_begun_anew(lost, dara):
    makers.witness_sees_head()
    with pytest.raises(Conflict, match="agrees"):
        begin_anew(WHY, by=dara)


def test_what_was_asked_long_ago_is_asked_again(lost, commits, dara, root, monkeypatch):
    begun(commits, dara)
    monkeypatch.setattr(witnesses, "ASKED_WITHIN", -witnesses.ASKED_WITHIN)
    assert begun(commits, root).kind == Kind.WITNESS_ASKED


# --- by somebody who has the file, or the database ----------------------------------------------


def test_a_line_in_the_file_begins_nothing_by_itself(lost, settings):
    last = happens()
    witness.begin_anew(settings.WITNESS_FILE, last.seq, last.digest)
    assert "where no two people say so" in events.witness_standing().sentence
    assert not events.verify().intact


def test_an_old_beginning_does_not_stand_for_a_new_loss(lost, settings, commits, dara, root):
    """The file is deleted again, and the line of the lawful beginning written into a new one."""
    event = begun(commits, dara, root)
    with commits():
        happens(witness.FIRST_GAP + 5)
    settings.WITNESS_FILE.unlink()
    witness.begin_anew(settings.WITNESS_FILE, event.seq, event.digest)
    assert events.witness_standing().alarming


@pytest.mark.parametrize("attack", ["alone", "nobody asked", "a machine asked"])
def test_the_database_refuses_a_beginning_that_two_people_did_not_make(lost, attack):
    with write():
        first = {"alone": "person/root", "a machine asked": "token/0a1b"}.get(attack)
        asked = record(Kind.WITNESS_ASKED, "log", actor=first, found="x").seq if first else 1
    with pytest.raises(DatabaseError, match="by two people"), transaction.atomic(), write():
        record(Kind.WITNESS_BEGUN, "log", actor="person/root", asked=asked, found="x")


def test_a_beginning_of_one_person_is_a_finding_where_the_database_was_made_to_take_it(lost, settings):
    with makers.unguarded("registry_event"), write():
        asked = record(Kind.WITNESS_ASKED, "log", actor="person/root", found="x")
        event = record(Kind.WITNESS_BEGUN, "log", actor="person/root", asked=asked.seq, found="x")
    witness.begin_anew(settings.WITNESS_FILE, event.seq, event.digest)
    assert "where no two people say so" in " ".join(events.verify().findings)


# --- the command -------------------------------------------------------------------------------


def test_the_command_asks_each_of_two_people_for_the_own_password(
    lost, commits, dara, root, monkeypatch, capsys
):
    given = {"dara": "not hers", "root": PASSWORD}
    monkeypatch.setattr(
        "config.management.commands.audit.getpass", lambda prompt: given[prompt.split()[-1].rstrip(":")]
    )
    with pytest.raises(CommandError, match="not the password of dara"):
        call_command("audit", "begin-witness", by="dara", grounds=WHY)
    given["dara"] = PASSWORD
    for name in ("dara", "root"):
        with commits():
            call_command("audit", "begin-witness", by=name, grounds=WHY)
    assert "a new witness has begun" in capsys.readouterr().out
    call_command("audit", "verify")
    assert "Past: It was begun anew at event" in capsys.readouterr().out


def test_the_verifier_without_django_knows_a_beginning_from_a_line(
    lost, settings, commits, dara, root, tmp_path, capsys
):
    export = tmp_path / "events.jsonl"
    begun(commits, dara, root)
    export.write_text("".join(json_lines(Event.objects.order_by("seq"))))
    asked = ["verify", str(export), "--witness", str(settings.WITNESS_FILE)]
    assert main(asked) == 0
    assert "Past: It was begun anew at event" in capsys.readouterr().out
    last = happens()
    witness.begin_anew(settings.WITNESS_FILE, last.seq, last.digest)
    export.write_text("".join(json_lines(Event.objects.order_by("seq"))))
    assert main(asked) == 1
    assert "where no two people say so" in capsys.readouterr().out
