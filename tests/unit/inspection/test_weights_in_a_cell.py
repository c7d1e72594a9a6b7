"""Weights beside a graph as a cell sees them, and as a machine without walls does."""

from __future__ import annotations

import sys

import pytest

from registry import inspection
from registry.sandbox import command
from tests.unit.inspection import graphs

PLACE = "deep/model.onnx.data"
MANIFEST = {"files": {"model": "net/model.onnx", "weights": f"net/{PLACE}"}}


@pytest.mark.parametrize("walls", [pytest.param(True, marks=pytest.mark.isolated), False])
@pytest.mark.parametrize("mode", [0o444, 0o400])
def test_the_weights_lie_where_the_graph_names_them(tmp_path, monkeypatch, walls, mode):
    if not walls:
        monkeypatch.setattr(command, "bubblewrap", lambda: None)
        monkeypatch.setattr(sys.modules["registry.sandbox.level"], "_found", [])
    graph, _ = graphs.apart(tmp_path, PLACE)
    (tmp_path / "graph").write_bytes(graph)
    files = {"model": tmp_path / "graph", "weights": tmp_path / "sidecar"}
    for path in files.values():
        path.chmod(mode)
    before = files["weights"].stat()

    found = inspection.inspect(files, manifest=MANIFEST, allow_unisolated=not walls)

    assert (found.refusals, found.findings, found.loaded) == ((), (), True)
    assert files["weights"].stat().st_ctime_ns == before.st_ctime_ns
