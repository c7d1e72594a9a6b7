from __future__ import annotations

from pathlib import Path

import pytest

from registry.storage import from_url
from registry.storage.errors import BadStoreAddress
from registry.storage.local import LocalStore
from registry.storage.s3 import S3Store


def test_a_folder_is_named_absolutely_or_from_here():
    absolute, relative = from_url("file:/srv/artifacts"), from_url("file:var/artifacts")

    assert isinstance(absolute, LocalStore)
    assert absolute.root == Path("/srv/artifacts")
    assert isinstance(relative, LocalStore)
    assert relative.root == Path("var/artifacts")
    assert from_url("file:///srv/a").root == Path("/srv/a")


def test_a_bucket_may_have_a_prefix_and_an_endpoint_of_its_own():
    store = from_url("s3://bucket/team/artifacts", endpoint_url="http://127.0.0.1:9")

    assert isinstance(store, S3Store)
    assert (store.bucket, store.prefix, store.endpoint_url) == (
        "bucket",
        "team/artifacts",
        "http://127.0.0.1:9",
    )
    assert from_url("s3://bucket").prefix == ""


@pytest.mark.parametrize(
    "url", ["", "file:", "s3://", "http://host/x", "file://host/share", "/srv/artifacts"]
)
def test_any_other_address_is_refused_with_an_example(url):
    with pytest.raises(BadStoreAddress, match="s3://bucket"):
        from_url(url)
