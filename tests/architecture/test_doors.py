"""One door per fact: state, environment, log. Scans the source for a second one."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.source import is_call, modules


def test_only_advance_writes_the_state_of_a_release():
    """`x.state = …` and `.update(state=…)`: a release's stand in transitions.py alone."""
    writers = {path for path, tree in modules().items() for node in ast.walk(tree) if writes_state(node)}
    assert "releases/services/transitions.py" in writers, "the scan no longer finds the one door"
    assert writers - OTHER_STATES == {"releases/services/transitions.py"}


# Rows of other kinds that have a column of this name, each with a door of its own.
OTHER_STATES = {"registry/services/jobs.py"}


def writes_state(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(is_state(inner) for target in targets for inner in ast.walk(target))
    if isinstance(node, ast.Call):
        function = ast.unparse(node.func)
        words = {keyword.arg for keyword in node.keywords}
        return ("state" in words and function.endswith((".update", ".update_or_create"))) or (
            function == "setattr" and len(node.args) > 1 and ast.unparse(node.args[1]) == "'state'"
        )
    return False


def is_state(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "state"
        and ast.unparse(node.value) not in {"self", "cls"}
    )


@pytest.mark.parametrize(
    "code", ["r.state = 1", "a, r.state = 1, 2", "q.update(state=1)", "setattr(r, 'state', 1)"]
)
def test_the_scan_sees_each_way_to_write(code):
    assert any(writes_state(node) for node in ast.walk(ast.parse(code)))


def test_the_environment_is_read_in_one_file():
    readers = {
        path
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in {"os.environ", "os.environb", "os.getenv"}
        and not only_silences_onnxruntime(tree, node)
    }
    assert readers == {"config/env.py"}


def only_silences_onnxruntime(tree: ast.Module, reader: ast.Attribute) -> bool:
    """Telemetry has to be off before the first import of onnxruntime, whoever imports it."""
    return any(
        is_call(node, "environ", "setdefault")
        and ast.unparse(node.args[0]) == "'ORT_DISABLE_TELEMETRY'"
        and reader in ast.walk(node)
        for node in ast.walk(tree)
    )


def test_only_record_writes_the_log():
    creates = {f"Event.objects.{verb}" for verb in ("create", "bulk_create", "get_or_create")}
    writers = {
        path
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Call) and ast.unparse(node.func) in creates)
        or (isinstance(node, ast.Constant) and "INTO registry_event " in str(node.value))
    }
    assert writers == {"registry/events.py"}


def test_nothing_is_unpickled():
    """No format that can carry code: not by pickle, not through NumPy, joblib or an unsafe YAML loader."""
    found = {
        f"{path}: {ast.unparse(node)[:80]}"
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and is_unsafe(node)
    }
    # the interpreter's own -c, with words of ours: tests play programs in cells by it
    assert found == {
        "registry/sandbox/stage.py: exec(compile(what, '<string>', 'exec'), {'__name__': '__main__'})"
    }


def is_unsafe(call: ast.Call) -> bool:
    function = ast.unparse(call.func)
    pickles = any(k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in call.keywords)
    loads = function.split(".")[0] in {"pickle", "joblib", "dill", "cloudpickle", "marshal"}
    return pickles or loads or function in {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec"}
