from __future__ import annotations

import uuid

import boto3
import pytest

from registry.storage.local import LocalStore
from registry.storage.memory import MemoryStore
from registry.storage.s3 import S3Store


@pytest.fixture
def s3_store(s3_server, monkeypatch):
    """A fresh bucket on the real server."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = f"t{uuid.uuid4().hex}"
    boto3.client("s3", endpoint_url=s3_server.url).create_bucket(Bucket=bucket)
    return S3Store(bucket, "team/artifacts", s3_server.url)


@pytest.fixture(params=["memory", "local", "s3"])
def store(request, tmp_path):
    if request.param == "memory":
        return MemoryStore()
    if request.param == "local":
        return LocalStore(tmp_path / "artifacts")
    return request.getfixturevalue("s3_store")
