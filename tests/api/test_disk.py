"""Full and read-only disks beneath the API: a sentence, nothing half done, and then it goes on."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.models import Artifact, Event, ModelVersion, RegisteredModel
from registry.stores import artifact_store
from tests import makers
from tests.api import parts
from tests.disks import MIB, full_database, read_only_database, small_disk

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(tmp_path):
    with small_disk(tmp_path / "small") as made:
        yield made


@pytest.fixture
def traces(settings, tmp_path):
    """What an upload could leave behind."""

    def seen():
        files = [path for path in tmp_path.rglob("*") if path.is_file() and "sha256" in path.parts]
        spooled = list(settings.WORK_DIR.glob("upload-*")) if settings.WORK_DIR.exists() else []
        rows = [model.objects.count() for model in (ModelVersion, Artifact, Event, RegisteredModel)]
        return [*rows, len(files), len(spooled)]

    return seen


def refused(answer, status, code, words):
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "60"
    assert words in told["detail"]


def test_a_database_without_room_refuses_a_write_and_keeps_nothing_of_it(ci, digits, traces):
    before = traces()
    body = {"name": "large", "description": "x" * 9_900}

    with full_database():
        answer = ci.post("/models", body)
    refused(answer, 507, "no_room", "The database has no room left on its disk: nothing was changed.")

    assert traces() == before
    assert ci.post("/models", body).status_code == 201


def test_a_database_that_takes_no_writes_still_answers_reads(ci, digits, traces):
    before = traces()

    with read_only_database():
        answer = ci.post("/models", {"name": "another"})
        listed = ci.get("/models")

    refused(answer, 503, "read_only", "The database takes no writes: nothing was changed.")
    assert listed.status_code == 200
    assert traces() == before


def test_an_upload_that_no_row_could_name_leaves_no_bytes(ci, digits, traces):
    before = traces()

    with read_only_database():
        answer = ci.upload(digits, parts.form(digits))

    refused(answer, 503, "read_only", "The database takes no writes")
    assert traces() == before


def test_an_upload_is_refused_before_its_bytes_are_stored_where_the_databases_disk_is_full(
    ci, digits, traces, small, monkeypatch
):
    if connection.vendor != "sqlite":
        pytest.skip("the disk of another server is not ours to look at")
    monkeypatch.setitem(connection.settings_dict, "NAME", str(small.path / "db.sqlite3"))
    small.fill(but=MIB)
    before = traces()

    refused(ci.upload(digits, parts.form(digits)), 507, "no_room", "The disk of the database is full.")
    assert traces() == before
    small.make_room()

    assert ci.upload(digits, parts.form(digits)).status_code == 201


FOLDERS = {"the spool": "WORK_DIR", "the store": "STORE"}


@pytest.fixture(params=FOLDERS)
def on_small_disk(request, settings, small):
    """The spool, or the store, lies on the small disk."""
    artifact_store.cache_clear()
    folder = small.path / "folder"
    setattr(settings, FOLDERS[request.param], folder if request.param == "the spool" else f"file:{folder}")
    return small


def test_an_upload_without_room_is_507_and_leaves_nothing(ci, digits, traces, on_small_disk):
    before = traces()

    on_small_disk.fill()
    answer = ci.upload(digits, parts.form(digits))

    assert answer.json()["code"] in ("store_full", "no_room")
    refused(answer, 507, answer.json()["code"], "")
    assert answer.json()["detail"]
    assert traces() == before
    on_small_disk.make_room()
    assert ci.upload(digits, parts.form(digits)).status_code == 201


def test_an_upload_to_a_read_only_disk_is_503_and_leaves_nothing(ci, digits, traces, on_small_disk):
    before = traces()

    with on_small_disk.read_only():
        answer = ci.upload(digits, parts.form(digits))

    refused(answer, 503, "read_only", "The server's disk takes no writes: nothing was changed.")
    assert traces() == before
    assert ci.upload(digits, parts.form(digits)).status_code == 201


def test_a_change_stands_although_the_witness_has_no_room(
    ci, digits, settings, small, django_capture_on_commit_callbacks
):
    settings.WITNESS_FILE = small.path / "heads.log"
    small.fill()

    with django_capture_on_commit_callbacks(execute=True):
        answer = ci.post("/models", {"name": "another"})

    assert answer.status_code == 201
    assert RegisteredModel.objects.filter(name="another").exists()


def test_readyz_says_which_disk_has_no_room_and_when_there_is_room_again(nobody, settings, small):
    settings.WORK_DIR = small.path / "work"

    def asked():
        answer = nobody.http.get("/readyz")
        return answer.status_code, answer.json()["problems"], answer.json()["warnings"]

    settings.DISK_FLOOR_BYTES = 0
    assert asked() == (200, [], [])
    settings.DISK_FLOOR_BYTES = 6 * MIB
    small.fill(but=5 * MIB)
    assert asked() == (200, [], ["The disk of uploads and proofs has 5 MiB left."])
    small.fill(but=MIB)
    assert asked() == (503, ["The disk of uploads and proofs is full."], [])
    with small.read_only():
        assert asked() == (503, ["The disk of uploads and proofs is read-only."], [])
    small.make_room()
    assert asked() == (200, [], [])


def test_metrics_say_how_much_is_free(ci, settings, small):
    settings.WORK_DIR = small.path / "work"

    free = ci.http.get("/metrics", headers=ci.headers).content.decode()

    assert f'assay_disk_free_bytes{{place="uploads and proofs"}} {8 * MIB}' in free


def test_metrics_ask_and_tell_as_much_however_many_models_there_are(ci):
    def scraped():
        with CaptureQueriesContext(connection) as asked:
            told = ci.http.get("/metrics", headers=ci.headers).content.decode()
        return len(asked), told.count("\n")

    scraped()
    before = scraped()
    for _ in range(3):
        makers.version(makers.model())
    assert scraped() == before
