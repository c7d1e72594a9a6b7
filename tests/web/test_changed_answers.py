"""Requests that two versions answered otherwise, out of archives as nodes pack them."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import numpy as np

from formats.types import Signature, TensorSpec
from registry.stores import artifact_store
from releases.models import PredictionSegment
from releases.traffic import examples
from scoring.control import Part, Sample
from scoring.node.outbox import segments
from scoring.request_ids import Issuer, model_tag
from tests.web import hostile as hostiles
from tests.web import reading, staged

SIGNATURE = Signature(
    (TensorSpec("x", "FP32", (-1, 2)), TensorSpec("said", "BYTES", (-1,))), (TensorSpec("y", "FP32", (-1,)),)
)
ISSUER = Issuer(bytes(32), model_tag("digits"), 2, 1, 0)
NOW = datetime.now(UTC) + timedelta(hours=1)


def floats(*values: float) -> bytes:
    return np.array(values, "<f4").tobytes()


def sample(version: int, place: int, y: float, said: str = "hello", shadow: bool = False) -> Sample:
    at_ms = int(NOW.timestamp() * 1000) + place
    request_id = ISSUER.issue(7, 1_790_000_000_000, place, 1).decode()
    inputs = [None, None] if shadow else [Part([1, 2], floats(0.5, 7)), Part([1], [said])]
    outputs = [Part([1], floats(y))]
    return Sample("digits", version, "canary", request_id, at_ms, 9, 1, 255, inputs, outputs, None, shadow)


def keep(moving, version: int, content: bytes) -> None:
    kept = artifact_store().put(io.BytesIO(content))
    PredictionSegment.objects.create(
        environment=moving.rollout.environment,
        model=moving.rollout.model,
        version=version,
        node="node-1",
        from_at=NOW,
        to_at=NOW,
        requests=1,
        rows=1,
        digest=kept.digest,
        size=len(content),
    )


def logged(moving, answers: dict[int, tuple[float, float]], **more) -> None:
    """Place of a request -> what version 2 told the client, and what version 6 said unheard."""
    clients = [sample(2, place, told, **more) for place, (told, _) in answers.items()]
    shadows = [sample(6, place, said, shadow=True) for place, (_, said) in answers.items()]
    keep(moving, 2, segments.pack(clients, SIGNATURE))
    keep(moving, 6, segments.pack(shadows, SIGNATURE))


def page(client, moving, status: int = 200) -> str:
    answer = client.get(f"/rollouts/{moving.rollout.pk}/answers")
    assert answer.status_code == status
    return reading.html(answer)


def test_both_answers_are_shown_beside_what_was_asked(world, as_):
    moving = staged.build(world)
    logged(moving, {1: (0.25, 0.75), 2: (0.5, 0.5)})
    html = page(as_("chloe"), moving)
    assert "of 2 requests" in html
    assert html.count("differs") == 1
    assert "0.25" in html
    assert "0.75" in html
    assert "0.5, 7" in html, "what was asked"
    assert "00000000000000ff" in html, "the unit, by its pseudonym"


def test_what_is_the_same_within_the_tolerance_is_no_example(world):
    moving = staged.build(world)
    logged(moving, {1: (0.25, 0.2500001), 2: (1.0, 1.1)})
    rollout = moving.rollout
    exact = examples.examples(rollout, (6, 2), examples.Tolerances(0.0, 0.0))
    wide = examples.examples(rollout, (6, 2), examples.Tolerances(0.5, 0.0))
    assert ([len(each.found) for each in (exact, wide)], wide.joined) == ([2, 0], 2)


def test_an_answer_whose_other_half_is_not_kept_is_no_example(world, as_):
    moving = staged.build(world)
    keep(moving, 2, segments.pack([sample(2, 1, 0.5)], SIGNATURE))
    assert "No request is kept with both answers." in page(as_("chloe"), moving)


def test_they_are_for_those_who_may_read_logged_answers(world, as_):
    moving = staged.build(world)
    logged(moving, {1: (0.25, 0.75)})
    assert "role release manager, privacy reviewer or auditor" in page(as_("amina"), moving, 403)
    assert "0.75" in page(as_("dara"), moving)
    assert as_("nobody").get(f"/rollouts/{moving.rollout.pk}/answers").status_code == 404


def test_an_archive_that_no_node_packs_is_left_out(world, as_, monkeypatch):
    moving = staged.build(world)
    keep(moving, 6, b"no archive at all")
    logged(moving, {1: (0.25, 0.75)})
    assert "0.75" in page(as_("chloe"), moving)
    monkeypatch.setattr(examples, "MOST_UNPACKED", 100)
    assert "0.75" not in page(as_("chloe"), moving), "it would unpack to too much"


def test_so_many_are_shown_and_so_much_is_read(world, as_):
    moving = staged.build(world)
    for first in range(0, 100, 20):
        logged(moving, {first + place: (0.25, 0.75) for place in range(20)})
    told = examples.examples(moving.rollout, (6, 2), examples.Tolerances(0.0, 0.0))
    assert len(told.found) == examples.MOST
    assert told.joined <= examples.MOST_SEGMENTS * 20
    assert told.found[0].answered.at > told.found[-1].answered.at


def test_hostile_words_stay_words(world, as_):
    moving = staged.build(world)
    logged(moving, {1: (0.25, 0.75)}, said=hostiles.MARKUP)
    html = page(as_("chloe"), moving)
    assert "<script>alert" not in html


def test_the_page_of_a_rollout_leads_there_where_answers_differ(world, as_):
    moving = staged.build(world)
    client, address = as_("chloe"), f"/rollouts/{moving.rollout.pk}/"
    assert f'href="{address}answers"' not in reading.html(client.get(address))
    staged.pairs(moving, 3_000, 20, 1, 1)
    assert f'href="{address}answers"' in reading.html(client.get(address))
    assert f'href="{address}answers"' not in reading.html(as_("vera").get(address)), "she may not read them"
