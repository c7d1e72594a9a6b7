"""The tables in docs/ say what the code says."""

from __future__ import annotations

import ast
import re

import yaml

from tests.architecture.source import ROOT, modules

READERS = {"text", "flag", "number", "words", "path", "required"}
# What only others read: the AWS library, docker compose, make, the tests.
ELSEWHERE = {
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "POSTGRES_PASSWORD", "ASSAY_SITE",
    "ASSAY_TLS_PORT", "ASSAY_FRONT_SUBNET", "ASSAY_PROXY_ADDRESS", "ASSAY_INSTALL",
    "ASSAY_TEST_DATABASE_URL", "ASSAY_TEST_REDIS_URL",
    "ASSAY_TEST_S3_ENDPOINT_URL",
}  # fmt: skip


def read_by_the_code() -> dict[str, ast.expr | None]:
    """Variable -> its default as it stands in the code, from every call of `env.text(…)` and its like."""
    return {
        ast.literal_eval(node.args[0]): node.args[1] if len(node.args) > 1 else None
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in READERS
        and ast.unparse(node.func.value) == "env"
    }


def documented() -> dict[str, str]:
    """Variable -> second column of its row in docs/settings.md."""
    rows = [
        line.split("|")[1:-1] for line in (ROOT / "docs/settings.md").read_text().splitlines() if "|" in line
    ]
    return {name: row[1].strip() for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row[0])}


def test_docs_name_every_setting_and_no_other():
    assert set(documented()) == set(read_by_the_code()) | ELSEWHERE


def test_the_example_file_names_every_setting_of_the_docs():
    example = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(example) == sorted(documented())


def test_docs_state_the_defaults_of_the_code():
    for name, default in read_by_the_code().items():
        if (
            isinstance(default, ast.Constant)
            and isinstance(default.value, str | bool | int)
            and default.value != ""
        ):
            written = str(default.value).lower() if isinstance(default.value, bool) else str(default.value)
            assert documented()[name].strip("`") == written, name


def test_docs_know_every_variable_of_the_compose_file():
    compose = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"\$\{([A-Z0-9_]+)", compose))
    for service in yaml.safe_load(compose)["services"].values():
        used |= set(service.get("environment", {}))
    assert used - {"POSTGRES_USER", "POSTGRES_DB"} <= set(documented())


def test_the_compose_file_passes_every_setting_that_an_installation_may_want_to_change():
    """In containers the image settles what the others say: where they listen and keep their data."""
    passed = set(re.findall(r"\$\{([A-Z0-9_]+)", (ROOT / "docker-compose.yml").read_text()))
    settled = {"ASSAY_DATA_DIR", "ASSAY_HOST", "ASSAY_SCORING_PORT", "ASSAY_GRPC_PORT", "ASSAY_NODE_KEYS"}
    only_for_tests = {name for name in documented() if name.startswith("ASSAY_TEST_")}
    only_for_tests |= {"ASSAY_INSTALL", "ASSAY_CRASHPOINT_FILE"}
    assert set(documented()) - settled - only_for_tests == passed


def test_names_in_the_code_keep_to_the_glossary():
    """No class and no module is called by a word that the glossary's last column gives up."""
    found = set()
    for path, tree in modules().items():
        stem = path.removesuffix("/__init__.py").removesuffix(".py").split("/")[-1]
        names = {stem} | {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        found |= {(path, name) for name in names if {word.lower() for word in words_of(name)} & given_up()}
    assert not found


def words_of(name: str) -> list[str]:
    return re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)


def given_up() -> set[str]:
    """Single words of the column "not" that are ruled out everywhere, and the house's own four."""
    rows = (ROOT / "docs/glossary.md").read_text().splitlines()[6:]
    last = ", ".join(row.split("|")[-2] for row in rows if row.startswith("|"))
    plain = {word.strip() for word in last.split(",") if "(" not in word and " " not in word.strip()}
    assert {"payload", "deployment", "flavour"} <= plain, "the glossary's table is no longer read rightly"
    return (plain - COMMON_ENGLISH) | {"utils", "helpers", "helper", "common"}


# Given up as names of our concepts, yet needed for other things: a job is a row of the queue.
COMMON_ENGLISH = {
    "job", "file", "blob", "stage", "key", "field", "build", "hit", "config", "revision", "activity", "check",
    "score", "variant", "decision",
}  # fmt: skip
