"""What the pages of real models offer to be pasted does what it says."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from demo.browser import Browser

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]
SHOWN = re.compile(r'aria-label="(\w+) example"[^>]*><code>(.*?)</code>', re.DOTALL)


def shown(demo, model: str) -> dict[str, str]:
    """The snippets of a model's page, as edda reads them."""
    browser = Browser(demo.tree.web, "edda")
    browser.log_in(demo.password)
    try:
        return {name: html.unescape(text) for name, text in SHOWN.findall(browser.read(f"/models/{model}/"))}
    finally:
        browser.close()


def run(demo, *command: str) -> str:
    environment = {**os.environ, "ASSAY_TOKEN": demo.token, "no_proxy": "127.0.0.1"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("model", ["digits", "breast-cancer"])
def test_each_snippet_of_a_live_model_is_answered(demo, model):
    found = shown(demo, model)
    assert set(found) == {"curl", "tritonclient"}
    if shutil.which("curl"):
        assert json.loads(run(demo, "sh", "-c", found["curl"]))["model"] == model
    assert run(demo, sys.executable, "-c", found["tritonclient"]).strip()


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_line_of_the_readme_is_answered_after_the_demo(demo):
    readme = Path(__file__).parents[2] / "README.md"
    line = readme.read_text().split("## Score")[1].split("`make demo` prints")[0]
    line = line.replace("http://localhost:8001", demo.tree.scoring).replace("$TOKEN", demo.token)
    assert json.loads(run(demo, "sh", "-c", line))["outputs"]["label"] == [0]
