"""What is a secret in a URI, and what only looks like one."""

from __future__ import annotations

import pytest

from registry.manifest import BadManifest, parse
from registry.manifest.secrets import found_in
from tests.unit.manifest.documents import TREE, changed

SECRET = "hunter2hunter2hunter2"


@pytest.mark.parametrize(
    "uri",
    [
        f"https://ci:{SECRET}@git.example.org/a/b",
        f"https://{SECRET}@git.example.org/a/b",
        f"https://oauth2:{SECRET}@gitlab.example.org/a.git",
        f"https://ci%3A{SECRET}@git.example.org/a",
        f"jdbc:postgresql://reader:{SECRET}@db/lake",
        f"postgresql://reader:{SECRET}@db/lake",
        f"s3://key:{SECRET}@bucket/x",
        f"ssh://git:{SECRET}@host/x",
        f"git+https://{SECRET}@host/x.git",
        f"HTTPS://u:{SECRET}@HOST/x",
        f"https://a.example.org/x?sig={SECRET}",
        f"https://a.example.org/x?v=1&access_token={SECRET}",
        f"https://a.example.org/x?v=1;Token={SECRET}",
        f"https://a.example.org/x?X-Amz-Signature={SECRET}&X-Amz-Date=1",
        f"https://a.example.org/x?X%2DGoog%2DCredential={SECRET}",
        f"https://a.example.org/x#access_token={SECRET}",
        f"https://a.example.org/x?a=1#id_token={SECRET}",
        f"https://a.example.org/x?api_key={SECRET}",
        f"wasbs://c@a.blob.example.net/x?sv=2&sig={SECRET}",
        "https://a.example.org/ghp_" + "a" * 36 + "/x",
        "s3://lake/AKIA" + "A" * 16,
        "https://a.example.org/eyJhbGciOiJI.eyJzdWIiOiIx.abc",
        f"registry.example.org:{SECRET}@host/image:1",
        f"ci:{SECRET}@registry.example.org/image:1",
    ],
)
def test_secrets_are_found_and_not_repeated(uri):
    words = found_in(uri)

    assert words
    assert SECRET not in words


@pytest.mark.parametrize(
    "uri",
    [
        "s3://lake/digits/2026-11",
        "s3://lake/a@b:c/x?versionId=3",
        "git@git.example.org:vision/digits.git",
        "ssh://git@git.example.org/vision/digits.git",
        "https://git.example.org/vision/digits?ref=main&token=",
        "https://git.example.org:8443/a",
        "https://git.example.org/@scope/package@1.0:x",
        "wasbs://container@account.blob.example.net/x",
        "abfss://container@account.dfs.example.net/x",
        "jdbc:postgresql://db/lake",
        "models:/digits@champion",
        "dvc:data@v1",
        "file:///mnt/lake",
        "https://[::1]:80/x",
        "https://[broken/x",
        "registry.example.org:5000/team/image:1.0@sha256:" + "a" * 64,
        "image@sha256:" + "a" * 64,
        "python:3.11-slim",
        "dvc://path?rev=keyboard&monkey=1&author=x",
    ],
)
def test_what_only_looks_like_one(uri):
    assert found_in(uri) == ""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"data": {"training": {"uri": f"https://u:{SECRET}@h/x"}}}, "data.training.uri"),
        ({"data": {"validation": {"uri": f"https://h/x?token={SECRET}"}}}, "data.validation.uri"),
        ({"built": {"repository": f"https://{SECRET}@h/x"}}, "built.repository"),
        ({"built": {"run": f"https://h/x?private_token={SECRET}"}}, "built.run"),
        ({"training": {"image": f"u:{SECRET}@h/image:1"}}, "training.image"),
    ],
)
def test_a_manifest_with_a_secret_is_refused_and_does_not_repeat_it(change, field):
    [(section, inner)] = change.items()
    merged = {
        name: value | inner.get(name, {}) if isinstance(value, dict) and section == "data" else value
        for name, value in TREE[section].items()
    }
    if section != "data":
        merged |= inner
    with pytest.raises(BadManifest) as refusal:
        parse(changed(**{section: merged}))

    assert [error["field"] for error in refusal.value.facts["errors"]] == [field]
    assert SECRET not in str(refusal.value) + str(refusal.value.facts)
