"""One suite for every artifact store: what they promise, they promise alike."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from registry.errors import TooLarge
from registry.storage import Stored, materialise, open_verified
from registry.storage.errors import DamagedArtifact, StoreUnavailable
from registry.storage.local import LocalStore
from registry.storage.s3 import PART_BYTES, S3Store
from registry.storage.verified import AHEAD_BYTES

ABSENT = "0" * 64
LARGE = PART_BYTES + 12_345  # more than one part


class Dripping(io.RawIOBase):
    """A stream as the network gives it: a few bytes at a time, not seekable."""

    def __init__(self, content: bytes, step: int) -> None:
        self._rest, self._step = content, step

    def read(self, size: int = -1) -> bytes:
        chunk, self._rest = self._rest[: self._step], self._rest[self._step :]
        return chunk


class Breaking(io.RawIOBase):
    """An upload whose client goes away after `good` bytes."""

    def __init__(self, good: int) -> None:
        self._left = good

    def read(self, size: int = -1) -> bytes:
        if self._left <= 0:
            raise ConnectionResetError("the client went away")
        self._left -= size
        return b"x" * size


def test_the_key_is_the_digest_of_the_content(store):
    stored = store.put(io.BytesIO(b"a model"))

    assert stored == Stored(hashlib.sha256(b"a model").hexdigest(), 7)
    with store.open(stored.digest) as stream:
        assert stream.read() == b"a model"


@pytest.mark.parametrize("content", [b"", b"a", os.urandom(70_000)], ids=["empty", "one byte", "70 kB"])
def test_bytes_come_back_as_they_went_in(store, content):
    stored = store.put(Dripping(content, 1_001))

    assert stored.size == len(content)
    with store.open(stored.digest) as stream:
        assert stream.read() == content


def test_an_artifact_of_several_parts_comes_back_whole(store):
    content = os.urandom(1 << 20) * (LARGE // (1 << 20) + 1)

    stored = store.put(Dripping(content, 300_007))

    assert stored == Stored(hashlib.sha256(content).hexdigest(), len(content))
    digest = hashlib.sha256()
    with store.open(stored.digest) as stream:
        while chunk := stream.read(99_991):
            digest.update(chunk)
    assert digest.hexdigest() == stored.digest


def test_the_same_bytes_again_are_kept_once_and_other_bytes_apart(store):
    assert store.put(io.BytesIO(b"a")) == store.put(io.BytesIO(b"a"))
    assert store.put(io.BytesIO(b"a")) != store.put(io.BytesIO(b"b"))


def test_an_absent_artifact_is_said_to_be_missing(store):
    assert not store.exists(ABSENT)
    with pytest.raises(FileNotFoundError):
        store.open(ABSENT)


@pytest.mark.parametrize("size", [11, LARGE], ids=["small", "large"])
def test_the_byte_after_the_limit_is_refused_and_nothing_is_kept(store, size):
    content = b"x" * size

    with pytest.raises(TooLarge, match="limit"):
        store.put(io.BytesIO(content), limit=size - 1)

    assert not store.exists(hashlib.sha256(content).hexdigest())
    assert store.put(io.BytesIO(content), limit=size).size == size


@pytest.mark.parametrize("good", [5 << 20, 2 * PART_BYTES], ids=["in the first part", "in the third part"])
def test_an_upload_that_breaks_off_leaves_nothing(store, good):
    with pytest.raises(ConnectionResetError):
        store.put(Breaking(good))

    assert remains(store) == []


@pytest.mark.parametrize(("size", "racers"), [(100_000, 16), (LARGE, 3)], ids=["small", "large"])
def test_racing_uploads_of_the_same_bytes_all_succeed(store, size, racers):
    content = os.urandom(size)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: store.put(io.BytesIO(content)), range(racers)))

    assert set(answers) == {Stored(hashlib.sha256(content).hexdigest(), len(content))}
    assert len(remains(store)) == 1


@pytest.fixture(params=["local", "s3"])
def adopting(request, tmp_path):
    return (
        LocalStore(tmp_path / "artifacts")
        if request.param == "local"
        else request.getfixturevalue("s3_store")
    )


def finished(folder, content):
    """A file as an upload leaves it, and what was counted and hashed while it came in."""
    path = folder / f"spooled-{len(content)}"
    path.write_bytes(content)
    return path, Stored(hashlib.sha256(content).hexdigest(), len(content))


@pytest.mark.parametrize(
    "size", [0, 5, LARGE, 2 * PART_BYTES], ids=["empty", "small", "large", "whole parts"]
)
def test_an_adopted_file_is_there_as_if_it_had_been_put(adopting, tmp_path, size):
    content = os.urandom(size)
    path, stored = finished(tmp_path, content)

    assert adopting.adopt(path, stored)
    assert adopting.adopt(path, stored), "the same again is nothing new"

    path.unlink()
    with adopting.open(stored.digest) as stream:
        assert stream.read() == content
    assert len(remains(adopting)) == 1
    assert adopting.put(io.BytesIO(content)) == stored


def test_racing_adoptions_of_the_same_bytes_all_succeed(adopting, tmp_path):
    content = os.urandom(LARGE)
    path, stored = finished(tmp_path, content)

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(lambda _: adopting.adopt(path, stored), range(3)))

    assert len(remains(adopting)) == 1


def test_s3_keeps_nothing_of_an_adoption_that_breaks_off(s3_store, tmp_path, monkeypatch):
    path, stored = finished(tmp_path, os.urandom(LARGE))
    send = s3_store._send_part

    def broken(upload, number, *part):
        if number == 2:
            raise ConnectionResetError("the network is gone")
        return send(upload, number, *part)

    monkeypatch.setattr(s3_store, "_send_part", broken)
    with pytest.raises(ConnectionResetError):
        s3_store.adopt(path, stored)

    assert remains(s3_store) == []


def test_s3_refuses_a_part_that_arrives_with_another_digest(s3_store, tmp_path, monkeypatch):
    path, stored = finished(tmp_path, os.urandom(LARGE))
    send = s3_store._send_part
    monkeypatch.setattr(
        s3_store, "_send_part", lambda upload, number, part, _: send(upload, number, part, ABSENT)
    )

    with pytest.raises(StoreUnavailable, match="refused"):
        s3_store.adopt(path, stored)

    assert remains(s3_store) == []


def test_s3_never_overwrites_an_object_with_an_adopted_file(s3_store, tmp_path, monkeypatch):
    path, stored = finished(tmp_path, os.urandom(LARGE))
    damage(s3_store, stored.digest, b"-" * LARGE)
    look, seen = s3_store._size, iter([None])  # somebody else's put lands after our look
    monkeypatch.setattr(s3_store, "_size", lambda key: next(seen, look(key)))

    assert s3_store.adopt(path, stored)

    with s3_store.open(stored.digest) as stream:
        assert stream.read() == b"-" * LARGE
    assert len(remains(s3_store)) == 1


def test_s3_says_what_it_has_when_that_is_not_the_adopted_file(s3_store, tmp_path):
    path, stored = finished(tmp_path, os.urandom(LARGE))
    damage(s3_store, stored.digest, b"half")

    with pytest.raises(DamagedArtifact):
        s3_store.adopt(path, stored)


def test_a_key_that_is_no_digest_reaches_nothing(store):
    for key in ("", "../../etc/passwd", "A" * 64, "sha256:" + ABSENT, ABSENT + "\n"):
        with pytest.raises((ValueError, FileNotFoundError)):
            store.open(key)


def test_materialised_bytes_are_checked_and_mended(store, tmp_path):
    digest = store.put(io.BytesIO(b"weights")).digest
    target = tmp_path / "cell" / "model.onnx"

    assert materialise(store, digest, target).read_bytes() == b"weights"

    target.unlink()
    target.write_bytes(b"half")
    assert materialise(store, digest, target).read_bytes() == b"weights"
    with pytest.raises(FileNotFoundError):
        materialise(store, ABSENT, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_damage_in_the_store_is_found_when_the_bytes_are_taken_out(store, tmp_path):
    digest = store.put(io.BytesIO(b"weights")).digest
    damage(store, digest, b"weightz")

    with pytest.raises(DamagedArtifact):
        materialise(store, digest, tmp_path / "model.onnx")
    assert list(tmp_path.glob("model.onnx")) == []


@pytest.mark.parametrize("size", [7, AHEAD_BYTES, AHEAD_BYTES + 3])
def test_a_verified_stream_gives_exactly_the_bytes(store, size):
    content = os.urandom(size)
    stored = store.put(io.BytesIO(content))

    with open_verified(store, stored.digest, stored.size) as stream:
        assert b"".join(iter(lambda: stream.read(99_991), b"")) == content


@pytest.mark.parametrize("bad", [b"weightz", b"wei", b"", b"weights and more"])
def test_damage_to_a_small_artifact_is_known_before_its_first_byte(store, bad):
    stored = store.put(io.BytesIO(b"weights"))
    damage(store, stored.digest, bad)

    with pytest.raises(DamagedArtifact, match="our fault"):
        open_verified(store, stored.digest, stored.size)


def test_what_the_store_has_lost_is_its_own_fault(store):
    with pytest.raises(DamagedArtifact, match="lost"):
        open_verified(store, ABSENT, 7)


def test_damage_to_a_large_artifact_breaks_its_stream_off_before_the_end(store):
    content = os.urandom(LARGE)
    stored = store.put(io.BytesIO(content))
    damage(store, stored.digest, content[:-1] + bytes([content[-1] ^ 1]))
    given = 0

    with open_verified(store, stored.digest, stored.size) as stream, pytest.raises(DamagedArtifact):  # noqa: PT012
        while chunk := stream.read(1 << 20):
            given += len(chunk)
    assert 0 < given < LARGE


def test_what_is_forgotten_is_gone_and_may_be_put_again(store):
    kept, let_go = (store.put(io.BytesIO(content)).digest for content in (b"kept", b"let go"))
    store.forget(let_go)
    store.forget(let_go)

    assert (store.exists(kept), store.exists(let_go)) == (True, False)
    assert store.put(io.BytesIO(b"let go")).digest == let_go
    assert store.exists(let_go)


@pytest.mark.parametrize("size", [5, LARGE], ids=["small", "large"])
def test_s3_never_overwrites_an_object(s3_store, size, monkeypatch):
    content = os.urandom(size)
    digest = hashlib.sha256(content).hexdigest()
    damage(s3_store, digest, b"-" * size)  # whatever stands there, so that an overwriting would show
    # somebody else's put lands between our look and our own put
    monkeypatch.setattr(s3_store, "_copy", partial(copy_without_looking, s3_store, s3_store._copy))

    assert s3_store.put(io.BytesIO(content)) == Stored(digest, size)

    with s3_store.open(digest) as stream:
        assert stream.read() == b"-" * size
    assert len(remains(s3_store)) == 1


def test_s3_refuses_a_wrong_secret_as_unavailable(s3_store, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not the secret")

    with pytest.raises(StoreUnavailable, match="refused"):
        S3Store(s3_store.bucket, "", s3_store.endpoint_url).exists(ABSENT)


def test_s3_that_does_not_answer_is_unavailable():
    with pytest.raises(StoreUnavailable, match="does not answer"):
        S3Store("bucket", "", "http://127.0.0.1:9").exists(ABSENT)


def copy_without_looking(store, copy, source, stored):
    look, store._size = store._size, lambda key: None
    try:
        copy(source, stored)
    finally:
        store._size = look


def remains(store):
    """Everything that is left in a store, unfinished things included."""
    if isinstance(store, S3Store):
        objects = store._client.list_objects_v2(Bucket=store.bucket)
        unfinished = store._client.list_multipart_uploads(Bucket=store.bucket)
        return [item["Key"] for item in (*objects.get("Contents", []), *unfinished.get("Uploads", []))]
    if hasattr(store, "root"):
        return [path for path in store.root.rglob("*") if path.is_file()]
    return list(store._blobs)


def damage(store, digest, content):
    if isinstance(store, S3Store):
        store._client.put_object(Bucket=store.bucket, Key=store._key(digest), Body=content)
    elif hasattr(store, "root"):
        store.path(digest).unlink()
        store.path(digest).write_bytes(content)
    else:
        store._blobs[digest] = content
