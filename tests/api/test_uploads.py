from __future__ import annotations

import io
import json
import os
import pickle
import zipfile

import onnx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from registry import inspection
from registry.models import Artifact, Event, ModelVersion, Role, VersionUploader
from registry.services.people import grant
from registry.storage.local import LocalStore
from registry.stores import artifact_store
from releases.api.spooling import UNKNOWN_LENGTH
from releases.models import Release
from tests import makers
from tests.api import parts
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def left_over(settings):
    """What is visible of an upload: rows, events, spooled bytes. Must not change when it is refused."""

    def seen():
        spooled = list(settings.WORK_DIR.glob("upload-*")) if settings.WORK_DIR.exists() else []
        return [
            ModelVersion.objects.count(),
            Release.objects.count(),
            Artifact.objects.count(),
            Event.objects.count(),
            len(spooled),
        ]

    return seen


def refused(answer, status, code):
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    return {error["field"]: error["message"] for error in answer.json().get("errors", [])}


def test_an_upload_becomes_a_version_with_its_triple(ci, robot, digits):
    answer = ci.upload(digits, parts.form(digits))

    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert (told["number"], told["release"], told["unchanged"]) == (1, None, False)
    version = ci.get(f"/models/{digits}/versions/1").json()
    assert version["digest"] == told["digest"]
    assert version["tags"] == {"team": "tests"}
    assert version["confidence_set"]["rows"] == 300
    assert {file["key"] for file in version["files"]} == set(parts.NAMES)
    assert [line["number"] for line in ci.get(f"/models/{digits}/versions").json()["results"]] == [1]
    assert VersionUploader.objects.get().person == robot


def test_the_store_gets_the_very_files_that_came(ci, digits, monkeypatch):
    monkeypatch.setattr(LocalStore, "put", lambda *given, **named: pytest.fail("written twice"))

    assert ci.upload(digits, parts.form(digits)).status_code == 201
    assert all(artifact_store().exists(artifact.digest) for artifact in Artifact.objects.all())


def apart():
    """The usual model with its weights in a file of their own: the two files."""
    made = onnx.ModelProto.FromString(parts.graph())
    tensor = made.graph.initializer[0]
    content = onnx.numpy_helper.to_array(tensor).tobytes()
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="model.onnx.data")
    return made.SerializeToString(), content


def test_weights_come_as_a_file_beside_the_graph(ci, digits, monkeypatch):
    graph, content = apart()
    files = parts.NAMES | {"weights": "model.onnx.data"}
    monkeypatch.setattr(LocalStore, "put", lambda *given, **named: pytest.fail("written twice"))

    answer = ci.upload(digits, parts.form(digits, {"model": graph, "weights": content}, files=files))
    assert answer.status_code == 201, answer.content
    version = ci.get(f"/models/{digits}/versions/1").json()
    assert {file["key"] for file in version["files"]} == set(files)
    got = ci.get(f"/models/{digits}/versions/1/files/weights")
    assert b"".join(got.streaming_content) == content
    again = ci.upload(digits, parts.form(digits, {"model": graph, "weights": content}, files=files))
    assert (again.status_code, again.json()["number"]) == (200, 1)


def test_weights_that_the_graph_does_not_name_are_refused(ci, digits, left_over):
    before = left_over()
    graph, content = apart()
    files = parts.NAMES | {"weights": "other.data"}
    form = parts.form(digits, {"model": graph, "weights": content}, files=files)

    assert list(refused(ci.upload(digits, form), 422, "refused_artifact")) == ["files.model"]
    form = parts.form(digits, {"weights": content + b"#"}, files=files)
    assert list(refused(ci.upload(digits, form), 422, "refused_artifact")) == ["files.weights"]
    assert left_over() == before


def test_a_store_that_cannot_take_files_gets_their_bytes(ci, digits, monkeypatch):
    monkeypatch.setattr(LocalStore, "adopt", lambda *given: False)

    assert ci.upload(digits, parts.form(digits)).status_code == 201
    assert all(artifact_store().exists(artifact.digest) for artifact in Artifact.objects.all())


def test_a_file_that_changed_after_it_was_hashed_is_refused(ci, digits, monkeypatch, left_over):
    before = left_over()
    honest = inspection.inspect

    def changing(files, **named):
        found = honest(files, **named)
        was = files["card"].stat()
        files["card"].chmod(0o644)
        files["card"].write_bytes(b"#" * was.st_size)
        os.utime(files["card"], ns=(was.st_atime_ns, was.st_mtime_ns))
        return found

    monkeypatch.setattr(inspection, "inspect", changing)

    assert list(refused(ci.upload(digits, parts.form(digits)), 422, "digest_mismatch")) == ["files.card"]
    assert left_over() == before


def test_the_same_again_is_the_same_version(ci, digits):
    first = ci.upload(digits, parts.form(digits))
    again = ci.upload(digits, parts.form(digits, tags={"team": "others"}))

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"unchanged": True}
    assert ModelVersion.objects.count() == 1


def test_tags_and_moves_of_aliases_are_events_of_the_log(ci, digits):
    def labelled(card, **labels):
        form = parts.form(digits, **labels)
        form["card"] = SimpleUploadedFile("CARD.md", card.encode())
        answer = ci.upload(digits, form)
        assert answer.status_code == 201, answer.content

    labelled("# one", tags={"team": "vision"}, aliases=["champion", "night"])
    labelled("# two", tags={}, aliases=["champion"])

    told = Event.objects.filter(kind__in=("version.tagged", "alias.moved")).order_by("seq")
    assert [(event.subject, event.kind, event.facts) for event in told] == [
        ("version/digits/1", "version.tagged", {"tags": {"team": "vision"}}),
        ("version/digits/1", "alias.moved", {"alias": "champion", "before": None}),
        ("version/digits/1", "alias.moved", {"alias": "night", "before": None}),
        ("version/digits/2", "alias.moved", {"alias": "champion", "before": 1}),
    ]
    assert {event.actor for event in told} == set(
        Event.objects.filter(kind="version.uploaded").values_list("actor", flat=True)
    )
    assert ci.get(f"/models/{digits}/versions/1").json()["aliases"] == ["night"]


def test_the_manifest_may_be_yaml_and_a_plain_field(ci, digits):
    form = parts.form(digits)
    form["manifest"] = json.dumps(parts.manifest(digits))

    assert ci.upload(digits, form).status_code == 201


def test_a_wish_opens_a_release_in_the_same_call(ci, digits, production):
    wish = {"environment": "production", "strategy": {"kind": "single"}}
    told = ci.upload(digits, parts.form(digits, release=wish)).json()

    assert told["release"]["state"] == "validating"
    assert ci.get(f"/releases/{told['release']['id']}").json()["version"] == 1


@pytest.mark.parametrize(
    "wish",
    [
        {"environment": "nowhere", "strategy": {"kind": "single"}},
        {"environment": "production", "strategy": {"kind": "bandit"}},
        {"environment": "production", "strategy": {"list": "careful"}},
    ],
)
def test_a_wish_that_cannot_be_granted_leaves_no_version(ci, digits, production, left_over, wish):
    before = left_over()

    assert ci.upload(digits, parts.form(digits, release=wish)).status_code in (404, 422)
    assert left_over() == before


def test_files_come_back_as_attachments(ci, digits):
    ci.upload(digits, parts.form(digits))

    answer = ci.get(f"/models/{digits}/versions/1/files/model")

    assert b"".join(answer.streaming_content) == parts.contents()["model"]
    assert answer.headers["Content-Disposition"] == 'attachment; filename="model.onnx"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert ci.get(f"/models/{digits}/versions/1/files/../../etc").status_code == 404
    assert "card" in ci.get(f"/models/{digits}/versions/1/files/nothing").json()["detail"]


def pickled() -> bytes:
    return pickle.dumps({"weights": [1, 2, 3]})


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("data.pkl", pickled())
    return out.getvalue()


@pytest.mark.parametrize(
    ("files", "changes", "code", "field"),
    [
        ({"card": None}, {}, "bad_input", "files.card"),
        ({"profile": b"{}"}, {}, "bad_input", "profile"),
        ({"weights": b"x"}, {}, "bad_input", "weights"),
        ({"model": pickled()}, {}, "refused_artifact", "files.model"),
        ({"model": zipped()}, {}, "refused_artifact", "files.model"),
        ({"model": b""}, {}, "refused_artifact", "files.model"),
        ({"model": parts.graph()[:-40]}, {}, "refused_artifact", "files.model"),
        ({"model": parts.graph("Frobnicate")}, {}, "refused_artifact", "files.model"),
        ({"end_to_end": parts.contents()["end_to_end"][:-60]}, {}, "refused_artifact", "files.end_to_end"),
        ({"confidence": pickled()}, {}, "refused_artifact", "files.confidence"),
        ({}, {"model": "wine"}, "bad_input", "model"),
        (
            {},
            {"metric": {"name": "acuracy", "output": "label", "range": [0, 1]}},
            "bad_manifest",
            "metric.name",
        ),
        (
            {},
            {"metric": {"name": "accuracy", "output": "label", "range": [1, 0]}},
            "bad_manifest",
            "metric.range",
        ),
        ({}, {"metrik": 1}, "bad_manifest", "metrik"),
    ],
)
def test_a_bad_upload_names_its_field_and_leaves_nothing(ci, digits, left_over, files, changes, code, field):
    before = left_over()

    errors = refused(ci.upload(digits, parts.form(digits, files, **changes)), 422, code)

    assert field in errors, errors
    assert left_over() == before


def test_a_metric_on_an_output_that_the_graph_lacks_is_refused(ci, digits, left_over):
    before = left_over()
    metric = {"name": "accuracy", "output": "lable", "range": [0.9, 1]}

    errors = refused(ci.upload(digits, parts.form(digits, metric=metric)), 422, "refused_artifact")

    assert list(errors) == ["metric.output"]
    assert left_over() == before


def test_other_bytes_than_the_manifest_promises_are_refused(ci, digits, left_over):
    before = left_over()
    files = parts.NAMES | {"card": {"path": "CARD.md", "sha256": "0" * 64}}

    errors = refused(ci.upload(digits, parts.form(digits, files=files)), 422, "digest_mismatch")

    assert list(errors) == ["files.card"]
    assert left_over() == before


def test_a_secret_in_a_text_is_refused_by_file_and_line_and_nothing_is_kept(ci, digits, left_over):
    before, secret = left_over(), "hunter2hunter2hunter2"
    lines = f"numpy==2.1.0\n--extra-index-url https://ci:{secret}@index.example.org/simple\n"

    answer = ci.upload(digits, parts.form(digits, {"card": lines.encode()}))

    assert refused(answer, 422, "refused_artifact")["files.card"].startswith("Line 2 ")
    assert secret not in answer.content.decode()
    assert left_over() == before


def test_a_manifest_that_is_no_manifest_is_refused(ci, digits, left_over):
    before = left_over()
    form = parts.form(digits) | {"manifest": SimpleUploadedFile("model.yaml", b"a: &x [*x]\n")}

    assert "manifest" in refused(ci.upload(digits, form), 422, "bad_manifest")
    assert left_over() == before


def test_every_part_that_is_missing_is_named(ci, digits):
    errors = refused(
        ci.upload(digits, parts.form(digits, dict.fromkeys(("card", "model", "confidence")))),
        422,
        "bad_input",
    )

    assert set(errors) == {"files.card", "files.model", "files.confidence"}


def test_a_part_that_comes_twice_is_refused(ci, digits, left_over):
    before = left_over()
    form = parts.form(digits)
    form["card"] = [SimpleUploadedFile("a.md", b"# a"), SimpleUploadedFile("b.md", b"# b")]

    assert "card" in refused(ci.upload(digits, form), 422, "bad_input")
    assert left_over() == before


def test_a_file_sent_as_a_plain_field_says_how_to_send_it(ci, digits):
    form = parts.form(digits) | {"card": "# text"}

    assert "-F card=@" in refused(ci.upload(digits, form), 422, "bad_input")["card"]


@pytest.mark.parametrize("limit", [200, 2000])
def test_an_upload_over_the_limit_is_refused(ci, digits, settings, left_over, limit):
    settings.UPLOAD_LIMIT_BYTES = limit
    before = left_over()

    refused(ci.upload(digits, parts.form(digits)), 413, "too_large")

    assert left_over() == before


def test_an_upload_that_says_it_is_over_the_limit_is_not_read(ci, digits, settings):
    settings.UPLOAD_LIMIT_BYTES = 10

    refused(ci.upload(digits, {"weights": "unknown, but nobody looks"}), 413, "too_large")


def test_a_manifest_over_its_limit_is_refused(ci, digits):
    form = parts.form(digits) | {"manifest": SimpleUploadedFile("model.yaml", b"#" * 600_000)}

    assert "manifest" in refused(ci.upload(digits, form), 413, "too_large")


@pytest.mark.parametrize("cut", [10, 30, 500, 3000])
def test_a_body_that_was_cut_off_is_refused(ci, digits, left_over, cut):
    before = left_over()
    encoded = multipart(parts.form(digits))

    answer = ci.http.post(
        f"/api/v1/models/{digits}/versions",
        encoded[:-cut],
        content_type="multipart/form-data; boundary=cut-here",
        headers=ci.headers,
    )

    assert answer.status_code in (400, 422), answer.content
    assert "ended early" in answer.json()["detail"] or cut > 500
    assert left_over() == before


def sent_in_chunks(ci, body):
    """As the web server hands on a body whose length the client did not tell."""
    unknown = {
        "CONTENT_LENGTH": str(UNKNOWN_LENGTH),
        "CONTENT_TYPE": "multipart/form-data; boundary=cut-here",
        "wsgi.input": io.BytesIO(body),
    }
    return ci.http.generic(
        "POST",
        "/api/v1/models/digits/versions",
        headers=ci.headers,
        **unknown,
    )


def test_a_body_in_chunks_is_taken_whole_or_not_at_all(ci, digits):
    encoded = multipart(parts.form(digits))

    assert sent_in_chunks(ci, encoded[:-20]).status_code == 400
    assert sent_in_chunks(ci, encoded).status_code == 201


def test_a_body_in_chunks_is_not_read_beyond_the_limit(ci, digits, settings):
    settings.UPLOAD_LIMIT_BYTES = 100_000

    refused(sent_in_chunks(ci, b"x" * 1_000_000), 413, "too_large")


def multipart(form):
    pieces = []
    for key, file in form.items():
        head = f'--cut-here\r\nContent-Disposition: form-data; name="{key}"; filename="{file.name}"\r\n'
        pieces += [head.encode(), b"Content-Type: application/octet-stream\r\n\r\n", file.read(), b"\r\n"]
    return b"".join([*pieces, b"--cut-here--\r\n"])


def test_json_is_not_an_upload(ci, digits):
    assert refused(ci.post(f"/models/{digits}/versions", {}), 415, "unsupported_media_type") == {}


def test_who_may_not_upload_is_refused_before_a_byte_is_read(ci, robot, token_of, digits, left_over):
    viewer = makers.person("viewer", Role.VIEWER)
    before = left_over()

    unreadable = {"weights": b"x"}
    scoreless = token_of(robot, "score").upload(digits, parts.form(digits, unreadable))
    person = Caller(person=viewer).upload(digits, parts.form(digits, unreadable))

    for answer in (scoreless, person):
        refused(answer, 403, "not_allowed")
    assert left_over()[:3] == before[:3]
    assert left_over()[4] == 0


def test_a_person_uploads_with_a_session_and_its_csrf_header(digits, amina):
    grant(amina, Role.CONTRIBUTOR)
    person = Caller(person=amina)

    assert person.upload(digits, parts.form(digits)).status_code == 201
    person.headers = {}
    refused(person.upload(digits, parts.form(digits)), 403, "csrf_failed")


def test_an_upload_under_a_key_is_made_once_whatever_its_boundary(ci, digits):
    key = {"Idempotency-Key": "build-118"}

    first = ci.upload(digits, parts.form(digits), **key)
    again = ci.upload(digits, parts.form(digits), **key)
    other = ci.upload(digits, parts.form(digits, {"card": b"# Other\n"}), **key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    refused(other, 422, "key_reused")
    assert ModelVersion.objects.count() == 1


def test_another_card_is_another_version_with_the_next_number(ci, digits):
    ci.upload(digits, parts.form(digits))
    second = ci.upload(digits, parts.form(digits, {"card": b"# Other\n"}))

    assert second.json()["number"] == 2
    files = {f["key"]: f["sha256"] for f in ci.get(f"/models/{digits}/versions/2").json()["files"]}
    assert (
        files["model"]
        == {f["key"]: f["sha256"] for f in ci.get(f"/models/{digits}/versions/1").json()["files"]}["model"]
    )
