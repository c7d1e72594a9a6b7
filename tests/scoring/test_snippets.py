"""What pages show to be pasted, pasted: each snippet against the model it stands for, on a real node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from releases.web.model import snippets
from tests.scoring import models, odd_models
from tests.scoring.nodes import TOKEN, Node, model

MODELS = {
    "linear": models.linear(),
    "image": models.echo_of(models.FLOAT, [1, 3, 64, 64]),
    "datatypes": odd_models.every_datatype(),
    "free": odd_models.free_axes(),
    "several": odd_models.several_inputs(),
    "optional": odd_models.optional_input(),
    "state": odd_models.carried_state(),
    "branches": odd_models.branches(),
    "turned": odd_models.turned(),
    "classes": odd_models.named_classes(),
    "zip": models.classifier(zipmap=True),
    "scalar": models.echo_of(models.FLOAT, []),
    "columns": models.linear(tuple(np.linspace(0.0, 1.0, 200, dtype=np.float32))),
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory, store):
    """The node, and each model's signature as the plan has it."""
    node = Node(tmp_path_factory.mktemp("snippets"), store, workers=1, name="snippets").start()
    try:
        versions = {name: store.version(1, content) for name, content in MODELS.items()}
        node.serve({name: model(1, [version]) for name, version in versions.items()})
        yield node, {name: version.signature.to_json() for name, version in versions.items()}
    finally:
        node.stop()


@pytest.fixture(params=MODELS)
def told(request, asked):
    """A model's snippets, and the names of its outputs."""
    node, signatures = asked
    signature = signatures[request.param]
    door = snippets.Door(f"http://127.0.0.1:{node.port}")
    inputs = snippets.examples(signature, {})
    outputs = [spec["name"] for spec in signature["outputs"]]
    return (
        snippets.curl(request.param, inputs, door),
        snippets.triton(request.param, inputs, outputs, door),
        outputs,
    )


def run(*command: str) -> str:
    environment = {**os.environ, "ASSAY_TOKEN": TOKEN, "no_proxy": "127.0.0.1"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_curl_line_is_answered(told):
    answer = json.loads(run("sh", "-c", told[0]))
    assert list(answer["outputs"]) == told[2], answer


def test_the_lines_for_tritonclient_are_answered(told):
    assert run(sys.executable, "-c", told[1]).strip()
