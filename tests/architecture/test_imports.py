"""Who may know whom: the contracts of pyproject.toml, and what a fresh interpreter really loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, imported, modules

FRAMEWORKS = ("django", "rest_framework", "celery", "psycopg2", "redis", "boto3")
# Packages and modules of house rules: they must work where no Django is configured.
DJANGO_FREE = (
    "formats",
    "scoring",
    "registry.storage",
    "registry.sandbox",
    "registry.inspection",
    "registry.manifest",
    "releases.lifecycle",
    "releases.plans",
    "releases.proof.gates",
    "releases.statistics",
    "releases.proof.examiner",
    "config.env",
    "config.local.supervisor",
)


def test_the_import_contracts_hold():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_crosses_a_wall_needs_numpy_and_msgspec_alone():
    needed = {
        name.split(".")[0]
        for path, tree in modules().items()
        if path.startswith("formats/")
        for name in imported(tree)
    }
    assert needed - sys.stdlib_module_names <= {"formats", "numpy", "msgspec"}


@pytest.mark.parametrize("name", DJANGO_FREE)
def test_what_has_to_work_without_django_does(name):
    loaded = loaded_by(name)
    assert not loaded & {"django", "rest_framework", "celery", "psycopg2"}


def test_a_scoring_worker_loads_nothing_that_it_does_not_need():
    """Each of these costs a worker megabytes and start-up time; only the node's parent may load them."""
    loaded = loaded_by("scoring.worker.process", missing_ok=True)
    assert not loaded & {"redis", "boto3", "botocore", "cryptography", "onnx", "sklearn", "scipy"}


def test_a_process_of_django_loads_no_library_that_trains_models():
    """An app's module `models` is loaded into each of them: the demonstration's cost a hundred megabytes."""
    code = "import sys, config.asgi; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.split()) & {"onnx", "onnxruntime", "skl2onnx", "sklearn"}


def test_a_node_that_keeps_no_log_does_without_numpy():
    """It stands beside its workers and answers nobody: that would be a third of its start and memory."""
    assert not loaded_by("scoring.node.node") & {"numpy", "onnxruntime"}


def loaded_by(name: str, *, missing_ok: bool = False) -> set[str]:
    """Top-level names in a fresh interpreter after importing a package with all its modules."""
    path = name.replace(".", "/")
    inside = [
        file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for file in modules()
        if file.startswith(f"{path}/") or file == f"{path}.py"
    ]
    inside = [module for module in inside if not module.endswith("__main__")]
    if not inside:
        pytest.skip(f"{name} is not written yet") if missing_ok else pytest.fail(f"there is no {name}")
    code = f"import importlib, sys\nfor name in {inside!r}: importlib.import_module(name)\n"
    code += "print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())
