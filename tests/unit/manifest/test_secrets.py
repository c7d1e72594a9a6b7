"""What is a secret in a URI, and what only looks like one."""

from __future__ import annotations

import pytest

from registry.manifest import BadManifest, parse
from registry.manifest.secrets import found_in, in_lines, in_pair
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
        "git+https://git@git.example.org/a.git",
        "https://${CI_USER}:${CI_TOKEN}@git.example.org/a",
        "https://reader:<password>@git.example.org/a",
        "https://a.example.org/x?token={token}",
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
        ({"training": {"algorithm": f"see https://u:{SECRET}@h/x"}}, "training.algorithm"),
        (
            {"training": {"hyperparameters": {"a": [{"url": f"https://u:{SECRET}@h"}]}}},
            "training.hyperparameters.a",
        ),
        ({"training": {"hyperparameters": {"api_key": SECRET}}}, "training.hyperparameters.api_key"),
        ({"built": {"by": f"ci glpat-{SECRET}"}}, "built.by"),
        ({"tags": {"token": SECRET}}, "tags.token"),
    ],
)
def test_a_manifest_with_a_secret_is_refused_and_does_not_repeat_it(change, field):
    [(section, inner)] = change.items()
    merged = {
        name: value | inner.get(name, {}) if isinstance(value, dict) and section == "data" else value
        for name, value in TREE.get(section, {}).items()
    }
    if section != "data":
        merged |= inner
    with pytest.raises(BadManifest) as refusal:
        parse(changed(**{section: merged}))

    assert [error["field"] for error in refusal.value.facts["errors"]] == [field]
    assert SECRET not in str(refusal.value) + str(refusal.value.facts)


REFUSED = {
    "an index": f"--index-url https://user:{SECRET}@index.example.org/simple",
    "one more index": f"--extra-index-url=https://{SECRET}@index.example.org/simple/",
    "a short option": f"-i https://__token__:{SECRET}@index.example.org/simple",
    "a package": f"ours @ https://ci:{SECRET}@files.example.org/ours-1.0.whl ; python_version < '3.12'",
    "a repository": f"git+https://{SECRET}@git.example.org/team/ours.git@v1#egg=ours",
    "editable": f"-e git+https://oauth2:{SECRET}@git.example.org/team/ours.git",
    "a comment": f"# pip install --find-links https://u:{SECRET}@h/x numpy",
    "a signed link": f"https://files.example.org/ours.whl?X-Amz-Signature={SECRET}",
    "an environment": f"export INDEX_PASSWORD={SECRET}",
    "code": f'    "api_key": "{SECRET}",',
    "a docker line": f"ENV HUB_TOKEN={SECRET}",
    "a header": f'headers = {{"Authorization": "Bearer {SECRET}"}}',
    "a key": "-----BEGIN OPENSSH PRIVATE KEY-----",
    "a token alone": "the key is ghp_" + "a" * 36,
    "behind a long line": "x" * 20_000 + f" https://u:{SECRET}@h/x",
}
TAKEN = [
    "numpy==2.1.0",
    "tokenizers==0.15.0rc12345678",
    "--index-url https://index.example.org/simple",
    "--extra-index-url https://${INDEX_USER}:${INDEX_PASSWORD}@index.example.org/simple",
    "numpy==2.1 --hash=sha256:" + "a" * 64,
    "ours @ git+ssh://git@git.example.org/team/ours.git@v1",
    "token = tokenizer.encode(text)",
    'pad_token = "<|endoftext|>"',
    'token = os.environ["TOKEN"]',
    'vocabulary_token = "tokenizer_v2.json"',
    "password: ask the team",
    "model_access_token: " + "0" * 64,
    "Write to vision@example.org, see https://example.org/@team.",
    'requests.get(f"https://example.org/x?token={token}")',
    "https://example.org/x?token=" + "' + token",
]


@pytest.mark.parametrize("line", REFUSED.values(), ids=REFUSED)
def test_a_line_with_a_secret_is_found_and_not_repeated(line):
    ((number, words),) = in_lines(["numpy==2.1.0\r\n", "\n", line + "\n", "onnx\n"])

    assert number == 3
    assert SECRET not in words


def test_a_line_that_goes_on_is_one():
    lines = ["numpy\n", "--index-url \\\n", f"  https://u:{SECRET[:9]}\\\r\n", f"{SECRET[9:]}@h/simple"]
    assert [number for number, _ in in_lines(lines)] == [2]


@pytest.mark.parametrize("line", TAKEN)
def test_a_line_that_only_looks_like_one(line):
    assert list(in_lines([line])) == []


def test_what_looks_for_secrets_takes_no_hostile_line_for_ever():
    for piece in ("eyJ", "a", "a+", "authorization:", "https", "-----BEGIN ", "token", "a:b://"):
        assert list(in_lines([piece * 50_000])) == []


def test_values_are_looked_into_however_they_nest():
    assert in_pair("a", {"b": [{"password": SECRET}]})
    assert not in_pair("password", {"b": [1, None, True]})
