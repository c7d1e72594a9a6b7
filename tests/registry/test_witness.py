"""What a witness outside the database shows, and that nobody hides anything by writing more into it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import CommandError, call_command

from formats import plan as plans
from registry import events, ledger, logbook, witness
from registry.api.shapes import WitnessShape
from registry.events import Kind, record
from registry.ledger import heads
from registry.ledger.__main__ import main
from registry.models import Event, LogHead, Role
from registry.services.heads import tell_head
from registry.storage.memory import MemoryStore
from registry.transactions import write
from registry.web.audit import json_lines
from releases.rollout import publishing
from tests import makers
from tests.makers import PASSWORD

pytestmark = pytest.mark.django_db
OTHER = "f" * 64


@pytest.fixture
def log(settings, tmp_path) -> list[Event]:
    """Five events, of which the witness saw three."""
    settings.WITNESS_FILE = tmp_path / "heads.log"
    with write():
        made = [record(Kind.MODEL_UPDATED, f"model/m{n}", actor="person/ana", note=n) for n in range(5)]
    for event in (made[0], made[2], made[4]):
        witness.note(settings.WITNESS_FILE, event.seq, event.digest)
    return made


def append(settings, line: str) -> None:
    with settings.WITNESS_FILE.open("a") as file:
        file.write(line)


def test_a_witness_that_saw_every_head_agrees(log):
    assert events.witness_standing().word == "agrees"
    assert events.verify().intact


TROUBLES = {
    "a later line contradicts an earlier one": (lambda log: f"3 {OTHER}\n", "contradicts"),
    "a line is no head": (lambda log: "nothing here\n", "is no head"),
    "a digest is too short": (lambda log: "4 abc\n", "is no head"),
    "a number is none": (lambda log: f"-1 {OTHER}\n", "is no head"),
    "it saw more than there is": (lambda log: f"6 {OTHER}\n", "the log ends at 5"),
    "it is not text": (lambda log: "\x00\udcff\n".encode("utf-8", "replace").decode(), "is no head"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_appended_to_the_witness_is_a_finding_and_never_the_newer_truth(log, settings, trouble):
    line, said = TROUBLES[trouble]
    append(settings, line(log))
    report = events.verify()
    assert not report.intact
    assert said in " ".join((report.reason, *report.findings))
    assert events.witness_standing().alarming


def test_a_rewrite_is_not_hidden_by_appending_its_heads(log, settings):
    """The whole log is rewritten, and each new head is added to the witness as if it had seen them."""
    kept = witness.read(settings.WITNESS_FILE)
    for event in log:
        append(settings, f"{event.seq} {ledger.chained(event.seq, OTHER, event.payload)}\n")
    seen = witness.read(settings.WITNESS_FILE)
    assert {seq: seen.heads[seq] for seq in kept.heads} == kept.heads
    assert "contradicts what it saw before" in seen.faults[0]


def test_saying_the_same_twice_is_no_contradiction(log, settings):
    append(settings, f"3 {log[2].digest}\n")
    assert events.verify().intact


@pytest.mark.parametrize(("left", "word"), [(None, "missing"), ("", "empty"), ("1 ab", "empty")])
def test_a_missing_or_empty_witness_is_an_alarm(log, settings, left, word):
    settings.WITNESS_FILE.unlink()
    if left is not None:
        settings.WITNESS_FILE.write_text(left)
    assert (events.witness_standing().word, events.witness_standing().tone) == (word, "danger")
    assert not events.verify().intact
    with pytest.raises(CommandError, match=f"witness file is {word}"):
        call_command("audit", "verify")


def test_an_installation_in_which_nothing_happened_needs_no_witness(settings, tmp_path):
    settings.WITNESS_FILE = tmp_path / "none"
    assert events.witness_standing().word == "agrees"
    assert events.verify().intact


def test_a_few_unseen_events_are_a_kill_and_a_thousand_are_a_finding():
    seen = witness.Witness({1: "a" * 64, 1500: "b" * 64})
    told = witness.judge(seen, 1500, seen.heads.get)
    assert (told.word, "2 to 1499" in told.sentence) == ("disagrees", True)
    near = witness.Witness({1: "a" * 64, 900: "b" * 64})
    assert witness.judge(near, 905, near.heads.get).word == "agrees"
    assert witness.judge(near, 950, near.heads.get).word == "behind"


def test_the_audit_page_the_health_page_and_rest_say_one_thing_of_the_witness(log, settings, client):
    append(settings, f"3 {OTHER}\n")
    dara = makers.person("dara", Role.AUDITOR)
    stands = events.witness_standing()
    client.force_login(dara)
    for address in ("/audit/", "/health/", "/audit/verify"):
        assert stands.sentence in client.get(address).content.decode(), address
    for address in ("/api/v1/events/head", "/api/v1/events/verify"):
        assert client.get(address).json()["witness"] == WitnessShape(stands).data
    assert dara.check_password(PASSWORD)


# --- heads that leave the machine --------------------------------------------------------------


@pytest.fixture
def away(log, settings, tmp_path, monkeypatch):
    """A store and a folder to which heads go."""
    store = MemoryStore()
    monkeypatch.setattr("registry.services.heads.artifact_store", lambda: store)
    settings.HEADS_FILE = tmp_path / "signed.jsonl"
    key = Ed25519PrivateKey.generate()
    settings.PLAN_KEY = lambda: key
    public = tmp_path / "plan.pub"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return store, key, public


def test_a_signed_head_goes_to_a_file_and_to_the_store_once_a_minute(log, away, settings):
    store, key, _ = away
    assert tell_head(1000.0) == 5
    assert tell_head(1001.0) == tell_head(2000.0) == 0, "nothing is new"
    with write():
        record(Kind.MODEL_UPDATED, "model/m", actor="person/ana")
    assert tell_head(1030.0) == 0
    assert tell_head(1061.0) == 6
    told = [heads.read(line, key.public_key()) for line in settings.HEADS_FILE.read_text().splitlines()]
    assert [(head.seq, head.at) for head in told] == [(5, 1000.0), (6, 1061.0)]
    assert told[0].digest == log[-1].digest
    assert [heads.read(note, key.public_key()) for note in store.kept_notes.values()] == told


def test_the_plan_that_each_node_keeps_is_a_signed_head(log, away):
    _, key, _ = away
    plan = publishing.build(makers.environment())
    head = heads.read(plans.sign(plans.serialise(plan), key), key.public_key())
    assert (head.seq, head.digest) == (LogHead.objects.get().seq, logbook.last_event().digest)
    assert plans.parse(plans.serialise(plan)) == plan


def test_a_head_that_somebody_else_signed_is_none(log, away):
    line = heads.signed(heads.Head("here", 5, OTHER, 1.0), Ed25519PrivateKey.generate())
    found, faults = heads.seen([line, "{}", "no json"], away[1].public_key())
    assert (found, len(faults)) == ({}, 3)


# --- the verifier without Django ---------------------------------------------------------------


@pytest.fixture
def export(log, tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json_lines(log)))
    return path


def rewritten(log) -> str:
    """The same log with another actor, chained anew: by itself it holds."""
    text, previous = "", ledger.GENESIS
    for event in log:
        payload = event.payload.replace("ana", "eve")
        digest = ledger.chained(event.seq, previous, payload)
        line = {"seq": event.seq, "previous": previous, "digest": digest, "payload": payload}
        text, previous = text + json.dumps(line) + "\n", digest
    return text


def test_an_exported_log_is_verified_without_django(export):
    code = (
        "import sys; sys.argv = ['ledger', 'verify', sys.argv[1]]; import runpy\n"
        "try: runpy.run_module('registry.ledger', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'django', 'cryptography'} & set(sys.modules), 'more was imported than is needed'"
    )
    done = subprocess.run([sys.executable, "-c", code, export], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("The log holds: 5 events")


def test_a_rewritten_export_contradicts_witness_heads_and_plan(export, log, away, settings, tmp_path, capsys):
    _, key, public = away
    tell_head(1000.0)
    plan = tmp_path / "production.json"
    plan.write_text(plans.sign(plans.serialise(publishing.build(makers.environment())), key))
    witnesses = {
        "witness": ["--witness", str(settings.WITNESS_FILE)],
        "heads": ["--heads", str(settings.HEADS_FILE), "--key", str(public)],
        "plan": ["--heads", str(plan), "--key", str(public)],
    }
    for named in witnesses.values():
        assert main(["verify", str(export), *named]) == 0
    export.write_text(rewritten(log))
    assert main(["verify", str(export)]) == 0, "the chain alone cannot see this"
    for name, named in witnesses.items():
        capsys.readouterr()
        assert main(["verify", str(export), *named]) == 1, name
        assert "is not the line that the witness saw" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["not json\n", "{}\n", "[1]\n"])
def test_what_is_no_export_is_told_apart_from_a_broken_log(tmp_path, content, capsys):
    path = tmp_path / "events.jsonl"
    path.write_text(content)
    assert main(["verify", str(path)]) == 2
    assert "line 1 of the export is no event" in capsys.readouterr().err


def test_a_machine_without_cryptography_is_told_what_to_install(export, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    heads_file = tmp_path / "signed.jsonl"
    heads_file.write_text("{}\n")
    assert main(["verify", str(export)]) == 0
    assert main(["verify", str(export), "--heads", str(heads_file), "--key", str(heads_file)]) == 2
    assert "the package cryptography: install it" in capsys.readouterr().err
