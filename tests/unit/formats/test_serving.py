"""How a version is served: one value from the policy to the worker, and one file that names its switches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from formats.serving import SWITCHES, Serving

ROOT = Path(__file__).parents[3]
NEW = """    warm_runs: Annotated[int, Meta(ge=0, le=9, title="Runs first", description="Write 0 to 9.")] = 0
"""
WAY = """
import json, os, sys, types
import django
serving = types.ModuleType("formats.serving")
sys.modules["formats.serving"] = serving
exec(compile(sys.stdin.read(), "formats/serving.py", "exec"), serving.__dict__)
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()

import msgspec
from formats import plan
from formats.documents import Hex
from formats.types import Signature
from registry import model_policy
from registry.errors import BadInput
from releases.web.policy.form import PolicyForm
from releases.web.policy_words import rules
from scoring.control import Load, ToWorker

try:
    model_policy.parse({"serving": {"warm_runs": 10}})
except BadInput as refused:
    print(refused.facts["field"], refused)
policy = model_policy.parse({"serving": {"warm_runs": 7}})
print(policy.to_json()["serving"]["warm_runs"], [r.text for r in rules(policy) if "warm" in r.name])
print(PolicyForm(policy, "")["warm_runs"].value(), PolicyForm(policy, "")["warm_runs"].label)
file = plan.ArtifactRef("b" * 64, 1)
version = plan.PlannedVersion(1, "a" * 64, file, Signature((), ()), serving=policy.serving)
entry = plan.ModelPlan(1, Hex(b""), (plan.Arm(1, plan.WHOLE, "champion"),), {1: version})
stored = plan.ModelPlan.from_json(json.loads(json.dumps(entry.to_json())))
made = plan.RoutingPlan("production", 1, 0.0, {"m": stored})
there = plan.parse(plan.serialise(made)).models["m"].versions[1]
order = msgspec.json.encode(Load(("m", 1, "a"), 1, there, ("f", "d")))
arrived = msgspec.json.decode(order, type=ToWorker).version.serving
print(arrived == policy.serving, arrived.warm_runs)
"""


def test_a_new_switch_is_one_field_in_one_file_from_the_policy_to_the_worker():
    source = (ROOT / "formats/serving.py").read_text()
    place = source.index("    prepack: ")
    told = subprocess.run(
        [sys.executable, "-c", WAY],
        input=source[:place] + NEW + source[place:],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout.splitlines() == [
        "policy.serving.warm_runs Write 0 to 9.",
        "7 ['7']",
        "7 Runs first",
        "True 7",
    ], told.stderr


def test_each_switch_has_a_name_for_pages_and_each_figure_its_bounds():
    for each in SWITCHES:
        assert each.words.title
        assert each.kind is bool or None not in (each.words.ge, each.words.le, each.words.description)


def test_a_proof_asks_the_version_itself_whatever_is_remembered_later():
    asked = Serving(prepack=False, batching=False, cache_mb=64, log_share=1.0).at_proof()

    assert asked == Serving(prepack=False, batching=False)


@pytest.mark.parametrize("room", [0, 1, 4096])
def test_room_is_megabytes_for_people_and_bytes_for_workers(room):
    assert Serving(cache_mb=room).cache_bytes == room * 1024 * 1024
