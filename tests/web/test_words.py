"""What pages say, as pure functions say it."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from registry.events import Kind as RegistryKind
from registry.web import cards
from registry.web.exporting import neutral
from releases.comparing import facts
from releases.events import Kind
from releases.lifecycle import State
from releases.web import sentences
from releases.web.model import snippets
from releases.web.phases import steps
from releases.web.release.standing import GateView, View, standing
from releases.web.version import lineage
from releases.web.version import triple as locked
from tests.web.world import SIGNATURE

GATES = [
    GateView("integrity", "passed"),
    GateView("end_to_end", "running"),
    GateView("confidence", "pending"),
]


@pytest.mark.parametrize("state", list(State))
def test_every_state_is_told_in_a_sentence(state):
    told = standing(View(state, "production", GATES))
    assert told.headline.endswith(".")
    assert told.tone in {"neutral", "info", "positive", "caution", "danger"}


def test_what_is_missing_is_named_with_who_can_do_it():
    told = standing(View(State.IN_REVIEW, "production", open_slots={"privacy": ["chloe", "cem"]}, slots=4))
    assert told.headline == "Proven. 1 of 4 signature is missing before production."
    assert told.hurdles[0].text == "The privacy review: chloe or cem can sign it"
    nobody = standing(View(State.IN_REVIEW, "production", open_slots={"privacy": []}, slots=4))
    assert "an administrator must grant it" in nobody.hurdles[0].text


def test_a_running_proof_says_how_far_it_is():
    told = standing(View(State.VALIDATING, "production", GATES))
    assert told.headline == "Being proven: 1 of 3 gates passed."
    assert [h.text for h in told.hurdles] == ["End to end is running", "Confidence waits for a worker"]


def test_an_error_of_ours_does_not_look_like_a_refusal():
    told = standing(View(State.VALIDATING, "production", [GateView("benchmark", "errored", "no sandbox")]))
    assert told.tone == "caution"
    assert "rejects nothing" in told.headline


def test_failing_a_data_gate_is_final_and_failing_another_is_not():
    wrong = standing(View(State.REJECTED, "production", [GateView("confidence", "failed", "too low")]))
    slow = standing(View(State.REJECTED, "production", [GateView("benchmark", "failed", "too slow")]))
    assert "never be served" in wrong.headline
    assert "never" not in slow.headline


@pytest.mark.parametrize("kind", [*Kind, *RegistryKind])
def test_every_kind_of_event_has_a_sentence(kind):
    assert sentences.sentence(str(kind), {"gate": "schema"})[0].isupper()


def test_release_events_are_told_in_words_of_their_own():
    assert [kind for kind in Kind if str(kind) not in sentences.SENTENCES] == []


def test_a_gate_is_told_with_its_outcome_and_coloured_by_it():
    facts = {"gate": "end_to_end", "outcome": "failed", "summary": "row 7 is wrong"}
    assert sentences.sentence("gate.finished", facts) == "End to end failed: row 7 is wrong"
    assert sentences.tone("gate.finished", facts) == "danger"


def test_a_change_is_added_removed_or_changed():
    before = {"model": "digits", "training": {"algorithm": "A", "hyperparameters": {"C": 1.0}}}
    after = {"model": "digits", "training": {"algorithm": "B", "hyperparameters": {"depth": 3}}}
    found = {change.name: change.kind for change in facts.changes(before, after)}
    assert found == {"algorithm": "changed", "hyperparameters.C": "removed", "hyperparameters.depth": "added"}
    assert facts.changes(before, before) == []


def test_a_float_is_not_told_with_the_dust_of_its_bits():
    assert facts.flat({"a": 0.1 + 0.2}) == {"a": "0.3"}


def test_the_parts_of_the_triple_do_not_overlap():
    drawn = lineage.drawing([lineage.Part("data", "Data 1"), lineage.Part("model", "Model 1")])
    first, second = drawn.boxes
    assert first.x + drawn.box_width < second.x
    assert second.x + drawn.box_width < drawn.width
    assert not first.arrow
    assert second.arrow


def ask(signature, told=None, url="http://127.0.0.1:8001", public=False):
    door, inputs = snippets.Door(url, public), snippets.examples(signature, told or {})
    return snippets.curl("digits", inputs, door), snippets.triton("digits", inputs, ["label"], door)


def sent(curl):
    return json.loads(shlex.split(curl)[-1])["inputs"]


def one(name="x", datatype="FP32", shape=(-1, 2), **more):
    return {"inputs": [{"name": name, "datatype": datatype, "shape": list(shape), **more}], "outputs": []}


def test_the_snippets_are_what_they_seem():
    curl, triton = ask(SIGNATURE)
    ast.parse(triton)
    assert "np.full((1, 64), 0.0, dtype=np.float32)" in triton
    assert "127.0.0.1:8001" in triton
    assert sent(curl) == {"pixels": [[0.0] * 64]}


@pytest.mark.parametrize(("spec", "told", "value"), [
    (one(), {}, 0.0),
    (one(), {"range": [18, 99]}, 18.0),
    (one(), {"range": [-9, -0.5]}, -0.5),
    (one(datatype="INT64"), {"range": [0.5, 9]}, 1),
    (one(datatype="INT64"), {"choices": [3, 5]}, 3),
    (one(datatype="BYTES"), {"choices": ["red", "blue"]}, "red"),
    (one(datatype="BYTES"), {}, "text"),
    (one(datatype="BOOL"), {}, True),
])  # fmt: skip
def test_a_snippet_sends_what_the_signature_allows(spec, told, value):
    curl, triton = ask(spec, {"x": told})
    assert sent(curl) == {"x": [[value, value]]}
    assert f"np.full((1, 2), {value!r}".replace("'", '"') in triton


def test_a_snippet_leaves_out_what_need_not_be_sent():
    assert sent(ask(one(optional=True))[0]) == {}


def test_a_snippet_of_an_image_is_short_and_whole():
    curl, _ = ask(one("image", shape=(1, 3, 224, 224)))
    assert len(curl) < 400
    code = shlex.split(curl)[2]
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert np.array(json.loads(made)["inputs"]["image"]).shape == (1, 3, 224, 224)
    assert ask(one("film", shape=(300, 3, 224, 224)))[0] == "", "JSON is no way to send this"


def test_a_snippet_goes_to_the_address_of_the_clients():
    curl, triton = ask(one(), url="https://assay.example.org")
    assert "curl https://assay.example.org/score/digits" in curl
    assert 'InferenceServerClient("assay.example.org", ssl=True)' in triton
    curl, triton = ask(one(), public=True)
    assert "TOKEN" not in curl + triton
    ast.parse(triton)


def test_a_snippet_for_a_hostile_tensor_name_stays_one_argument():
    name = "a'; rm -rf ~ #\"\u202e\U0001f525"
    curl, triton = ask(one(name))
    ast.parse(triton)
    assert sent(curl) == {name: [[0.0, 0.0]]}
    assert (curl + triton).isascii()


def rolling(phase, turned_in="", has_begun=True):
    switch = SimpleNamespace(phase=phase, turned_in=turned_in, went_back=bool(turned_in))
    return SimpleNamespace(reason="", switch=switch, has_begun=has_begun)


@pytest.mark.parametrize(
    ("rollout", "states"),
    [
        (None, []),
        (rolling("preparing", has_begun=False), ["ahead"] * 4),
        (rolling("preparing"), ["now", "ahead", "ahead", "ahead"]),
        (rolling("verifying"), ["done", "done", "now", "ahead"]),
        (rolling("done"), ["done"] * 4),
        (rolling("reverting", "preparing"), ["failed", "ahead", "ahead", "ahead"]),
        (rolling("done", "verifying"), ["done", "done", "failed", "ahead"]),
    ],
)
def test_a_rollout_shows_where_it_is_and_where_it_stopped(rollout, states):
    assert [step.state for step in steps(rollout)] == states


HOSTILE = """---
title: x
---
# Card <script>alert(1)</script>

<img src=x onerror=alert(1)> <iframe src="https://evil.example"></iframe>

[good](https://example.org) [bad](javascript:alert(1)) [worse](data:text/html;base64,PHNjcmlwdD4=) ![pixel](https://evil.example/t.gif)

<a href="//evil.example" style="position:fixed" onclick="x()">y</a>
"""


def test_a_card_is_shown_without_anything_that_acts_or_calls_home():
    html = cards.render(HOSTILE)
    tags = set(re.findall(r"<\s*([a-z0-9]+)", html))
    assert tags <= cards.TAGS
    assert re.findall(r'<a href="([^"]*)"', html) == ["https://example.org"]
    assert not re.search(r"<[^>]*\s(on\w+|style|src)\s*=", html)
    assert "&lt;script&gt;" in html
    assert "[image: pixel]" in html
    assert "title: x" not in html


def test_the_allow_list_does_not_trust_the_renderer():
    html = cards.clean(
        '<a href="javascript:alert(1)" onclick="x()">a</a><a href="data:text/html,x">b</a>'
        '<p style="position:fixed" id="main">c</p><script>d</script><svg onload="x()"></svg>'
    )
    assert "javascript" not in html
    assert "data:" not in html
    assert html.endswith("<p>c</p>")


def test_a_card_leaves_no_table_heading_without_words():
    html = cards.render("| | b |\n|---|---|\n| 1 | 2 |")
    assert "<th></th>" not in html
    assert "<th>b</th>" in html


NOTED = """Good on scans[^main] and on photos[^1][^main].

[^1]: Where the light is *even*.

    Measured in May.
[^main]: Not on "faxes", <b>see</b> [there](javascript:alert(1)).
[^toasts]: Nobody refers to this.
"""


def test_footnotes_lead_there_and_back_by_ids_that_no_writer_chooses():
    html = cards.render(NOTED)
    ids = re.findall(r'id="([^"]*)"', html)
    assert ids == ["card-mark-1", "card-mark-2", "card-mark-1-2", "card-note-1", "card-note-2"]
    assert {f"#{name}" for name in ids} == set(re.findall(r'href="([^"]*)"', html))
    assert "<p>Measured in May." in html
    assert "&lt;b&gt;" in html
    assert 'aria-label="Footnote 1"' in html
    assert 'aria-label="Back to where footnote 2 is"' in html


def test_an_id_that_is_not_ours_does_not_pass():
    html = cards.clean('<li id="main">a</li><a id="card-note-1" href="#x">b</a><a id="card-note-1x">c</a>')
    assert re.findall(r'id="([^"]*)"', html) == ["card-note-1"]


@pytest.mark.parametrize(
    "text",
    [
        "x[^1] " * 40_000 + "\n\n[^1]: https://example.org",
        "".join(f"[^{n}]: n\n" for n in range(20_000)),
        "[^a]: [^b]\n[^b]: [^a]\n\n[^a][^b]",
        "[^" * 250 + "]" * 250 + ": x",
        "".join("> " * n + f"[^{n}]: y[^{n}]\n" for n in range(100)),
    ],
)
def test_footnotes_without_end_are_text(text):
    html = cards.render(text)
    assert len(html) < 1_000_000
    assert set(re.findall(r"<\s*([a-z0-9]+)", html)) <= cards.TAGS


def test_a_card_with_too_many_footnotes_is_shown_as_it_is_written():
    html = cards.render("see[^1] " * (cards.MOST_NOTES + 1) + "\n\n[^1]: the note")
    assert "<sup>" not in html
    assert "see[^1]" in html
    assert "[^1]: the note" in html


def test_wide_tables_and_code_scroll_in_a_box_that_the_keyboard_reaches():
    table = "|a|b|\n|-|-|\n|1|<table><tr><td>x</td></tr></table>|\n"
    html = cards.render(f"{table}\n> {table.replace(chr(10), chr(10) + '> ')}\n\n    a line of code\n")
    assert html.count("<table>") == html.count("</table></div>") == 2
    boxes = re.findall(
        r'<(div|pre)(?: class="scroll")? tabindex="0" role="region" aria-label="([^"]*)">', html
    )
    assert boxes == [
        ("div", "Table 1 of the card"),
        ("div", "Table 2 of the card"),
        ("pre", "Code 1 of the card"),
    ]


def test_a_card_begins_below_the_headings_of_the_page():
    assert cards.render("# One\n\n###### Six").count("<h3>One</h3>") == 1
    assert "<h6>Six</h6>" in cards.render("###### Six")


def test_a_card_that_nests_without_end_does_not_keep_the_page_waiting():
    assert len(cards.render("> " * 50_000 + "deep")) < 1_000_000
    assert len(cards.render("[" * 50_000)) < 1_000_000


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "|cmd", "%0A=1"])
def test_no_cell_of_an_export_is_a_formula(text):
    assert neutral(text) == f"'{text}"
    assert neutral("person/edda") == "person/edda"


def test_a_model_with_other_weights_beside_the_same_graph_is_another_one():
    here = {"model": "a", "weights": "b", "card": "c"}

    assert locked.model_bytes(here) == locked.model_bytes(here | {"card": "d"})
    assert locked.model_bytes(here) != locked.model_bytes(here | {"weights": "d"})
