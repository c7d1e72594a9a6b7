"""A node that is told one version serves it alone: no plan, no signature, and no port."""

from __future__ import annotations

import pytest

from formats.plan import ArtifactRef, PlannedVersion
from formats.serving import Serving
from formats.types import Signature, TensorSpec
from scoring.node.plans import alone
from scoring.node.settings import BadSettings, read

VERSION = PlannedVersion(
    7,
    "d" * 64,
    ArtifactRef("a" * 64, 12),
    Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1,)),)),
    rows="requests",
    serving=Serving(prepack=False),
    weights={"w": ArtifactRef("b" * 64, 5)},
)
WHERE = ["--data", "d", "--store", "file:s"]


def test_what_is_written_for_a_cell_is_what_its_node_serves(tmp_path):
    (tmp_path / "version.json").write_text(alone.written("digits", VERSION))

    plan = alone.read(tmp_path / "version.json", "production")

    assert list(plan.models) == ["digits"]
    assert plan.models["digits"].versions == {7: VERSION}
    assert [arm.version for arm in plan.models["digits"].arms] == [7]
    assert plan.public


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": "m", "number": 1, "version": {"model": 3}}'])
def test_a_file_that_names_no_version_is_refused_with_a_sentence(tmp_path, content):
    (tmp_path / "version.json").write_text(content)

    with pytest.raises(ValueError, match="does not say which version to serve"):
        alone.read(tmp_path / "version.json", "production")


@pytest.mark.parametrize(
    "arguments",
    [["--port", "0"], ["--socket", "s", "--plan", "p", "--unsigned"], ["--socket", "s", "--redis", "r"]],
)
def test_it_takes_no_clients_of_a_port_and_follows_nobody(arguments):
    with pytest.raises(BadSettings, match="served alone"):
        read([*WHERE, "--version", "v", *arguments])


def test_it_needs_no_key_and_no_word_about_one():
    assert read([*WHERE, "--version", "v", "--socket", "s"]).plan_key is None
