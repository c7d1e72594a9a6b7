from __future__ import annotations

import hashlib

import pytest

from scoring.artifacts import ArtifactCache, LocalReader, blob_path
from scoring.errors import CorruptArtifact

DIGEST = hashlib.sha256(b"model").hexdigest()


@pytest.fixture
def store(tmp_path):
    place = tmp_path / "store" / blob_path(DIGEST)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"model")
    return tmp_path / "store"


@pytest.fixture
def cache(tmp_path, store):
    (tmp_path / "data").mkdir()
    return ArtifactCache(tmp_path / "data", LocalReader(store))


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "AB" * 32, DIGEST + "\n", DIGEST[:-1]])
def test_only_a_digest_becomes_a_path(digest):
    with pytest.raises(ValueError, match="SHA-256"):
        blob_path(digest)


def test_an_artifact_is_fetched_once_and_kept(cache, store):
    place = cache.path(DIGEST)
    (store / blob_path(DIGEST)).unlink()

    assert cache.path(DIGEST) == place
    assert place.read_bytes() == b"model"


def test_a_corrupt_copy_is_fetched_again(cache):
    cache.path(DIGEST).write_bytes(b"m0del")

    assert cache.path(DIGEST).read_bytes() == b"model"


def test_a_corrupt_store_is_named(cache, store):
    (store / blob_path(DIGEST)).write_bytes(b"m0del")

    with pytest.raises(CorruptArtifact, match="backup"):
        cache.path(DIGEST)


def test_a_missing_artifact_is_a_missing_file(cache, store):
    (store / blob_path(DIGEST)).unlink()

    with pytest.raises(FileNotFoundError):
        cache.path(DIGEST)


def test_a_large_artifact_is_linked(cache, store, monkeypatch):
    monkeypatch.setattr("scoring.artifacts.LINK_ABOVE_BYTES", 4)

    assert cache.path(DIGEST).samefile(store / blob_path(DIGEST))
