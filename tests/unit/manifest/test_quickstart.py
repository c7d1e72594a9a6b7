"""What the quickstart shows to be pasted is taken as it stands."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from registry import model_policy
from registry.manifest import parse

TEXT = (Path(__file__).parents[3] / "docs" / "quickstart.md").read_text()


def test_the_manifest_is_one():
    document = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[1]
    assert parse(document.encode()).model == "digits"


def test_the_policy_is_one():
    call = re.search(r"curl [^\n]*/models \\\n(.*?)\n\n", TEXT, re.DOTALL)[1]
    body = json.loads(shlex.split(call)[1])
    assert model_policy.judge(body["policy"]).slots == ("approval",)


def test_nothing_is_left_to_be_filled_in_but_the_token():
    commands = re.findall(r"^    (curl.*?)(?=^\S|^$)", TEXT, re.DOTALL | re.MULTILINE)
    assert len(commands) >= 4
    assert not [command for command in commands if "\u2026" in command or "..." in command or "<" in command]
