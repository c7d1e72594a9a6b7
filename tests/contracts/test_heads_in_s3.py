"""Signed heads on a real S3 server: kept once; what is missing, foreign or contradicts the log is found."""

from __future__ import annotations

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import CommandError, call_command

from registry.events import Kind, record
from registry.ledger import heads
from registry.ledger.__main__ import main
from registry.models import Event
from registry.services.heads import held_against_store, tell_head
from registry.services.installation import installation_name
from registry.transactions import write
from registry.web.audit import json_lines
from tests import makers

pytestmark = pytest.mark.django_db
OTHER = "f" * 64


@pytest.fixture
def away(s3_store, s3_server, settings, tmp_path, monkeypatch):
    """Three heads in a bucket that keeps versions; the client that sees all of them."""
    client = boto3.client("s3", endpoint_url=s3_server.url)
    versioning = {"Status": "Enabled"}
    client.put_bucket_versioning(Bucket=s3_store.bucket, VersioningConfiguration=versioning)
    monkeypatch.setattr("registry.services.heads.artifact_store", lambda: s3_store)
    settings.HEADS_FILE, settings.WITNESS_FILE = tmp_path / "signed.jsonl", tmp_path / "heads.log"
    key = Ed25519PrivateKey.generate()
    settings.PLAN_KEY = lambda: key
    for minute in (1, 2, 3):
        with write():
            record(Kind.MODEL_UPDATED, "model/m", actor="person/ana")
        assert tell_head(60.0 * minute) == minute
    makers.witness_sees_head()
    return client


def place(s3_store, seq: int) -> dict[str, str]:
    key = f"{s3_store.prefix}/heads/{installation_name()}/{seq:012}.json"
    return {"Bucket": s3_store.bucket, "Key": key}


def put(client, s3_store, seq: int, line: str) -> None:
    client.put_object(**place(s3_store, seq), Body=line.encode())


def signed(settings, seq: int, digest: str) -> str:
    return heads.signed(heads.Head(installation_name(), seq, digest, 1.0), settings.PLAN_KEY())


def test_what_was_told_agrees(away, capsys):
    assert held_against_store() == (3, [])
    assert held_against_store(most=1) == (2, []), "the first and the last of many"
    call_command("audit", "verify", "--store")
    assert "Signed heads in the store: 3 asked, all agree." in capsys.readouterr().out


def test_a_head_is_never_overwritten_by_us(away, s3_store, settings):
    name = f"heads/{installation_name()}/{2:012}.json"
    before = s3_store.noted(name)
    s3_store.note(name, signed(settings, 2, OTHER).encode())
    assert s3_store.noted(name) == before


def test_a_head_that_is_gone_is_found_and_the_bucket_has_it_still(away, s3_store):
    away.delete_object(**place(s3_store, 2))
    asked, found = held_against_store()
    assert (asked, len(found), "has lost the signed head" in found[0]) == (2, 1, True)
    with pytest.raises(CommandError, match="has lost the signed head"):
        call_command("audit", "verify", "--store")
    kept = away.list_object_versions(Bucket=s3_store.bucket, Prefix=place(s3_store, 2)["Key"])["Versions"]
    assert len(kept) == 1, "a bucket with versions hides it and does not forget"


WRONG = {
    "a rewrite": (lambda settings: signed(settings, 2, OTHER), "event 2, whose signed head is in the store"),
    "a head of another event": (lambda settings: signed(settings, 9, OTHER), "of another event, 9"),
    "a foreign key": (
        lambda _: heads.signed(
            heads.Head(installation_name(), 2, OTHER, 1.0), Ed25519PrivateKey.generate()
        ),
        "not signed by this key",
    ),
    "no head": (lambda _: "{}", "no signed head"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_stands_there_instead_is_found_and_the_first_is_kept(away, s3_store, settings, wrong):
    line, said = WRONG[wrong]
    put(away, s3_store, 2, line(settings))
    _, (found,) = held_against_store()
    assert said in found
    kept = away.list_object_versions(Bucket=s3_store.bucket, Prefix=place(s3_store, 2)["Key"])["Versions"]
    assert len(kept) == 2


def test_a_head_beyond_the_log_is_a_tail_that_was_cut(away, s3_store, settings):
    put(away, s3_store, 4, signed(settings, 4, OTHER))
    assert held_against_store()[1] == ["event 4, whose signed head is in the store, is not in the log"]


def test_an_export_is_held_against_a_copy_of_the_bucket_anywhere(away, s3_store, settings, tmp_path, capsys):
    export, copy, public = tmp_path / "events.jsonl", tmp_path / "copy", tmp_path / "plan.pub"
    export.write_text("".join(json_lines(Event.objects.order_by("seq"))))
    copy.mkdir()
    for name in s3_store.notes("heads/"):
        (copy / name.rpartition("/")[2]).write_bytes(s3_store.noted(name))
    key = settings.PLAN_KEY().public_key()
    public.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    asked = ["verify", str(export), "--heads", str(copy), "--key", str(public)]
    assert main(asked) == 0
    assert "3 witnessed" in capsys.readouterr().out
    (copy / f"{2:012}.json").write_text(signed(settings, 2, OTHER))
    assert main(asked) == 1
