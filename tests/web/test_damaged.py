"""Bytes that our own store has lost or damaged: nobody is given others, and no version is blamed."""

from __future__ import annotations

import pytest

from registry.models import ModelVersion
from registry.stores import artifact_store
from releases.models import GateRun, Release
from releases.proof.gates import Outcome
from releases.services.gating import conclude
from releases.services.measuring import Bench
from tests import makers

FILE = "/models/digits/versions/3/files/card"


@pytest.fixture(params=["damaged", "lost"])
def card(world, request):
    """The card of version 3, and nothing right of it in the store."""
    found = ModelVersion.objects.get(model__name="digits", number=3).files.get(key="card")
    path = artifact_store().path(found.artifact_id)
    content = path.read_bytes()
    path.unlink()
    if request.param == "damaged":
        path.write_bytes(content[:-1] + b"!")
    yield found
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def test_a_page_gives_no_other_bytes_and_says_whose_fault_it_is(card, as_):
    response = as_("vera").get(FILE)

    assert response.status_code == 500
    assert "our fault" in response.content.decode()
    assert "ETag" not in response


def test_rest_answers_500_before_the_first_byte(card, as_):
    response = as_("vera").get(f"/api/v1{FILE}")

    assert response.status_code == 500
    assert response.json()["code"] == "damaged_artifact"
    assert "our fault" in response.json()["detail"]


def test_the_version_is_still_shown_and_its_card_says_so(card, as_):
    html = as_("vera").get("/models/digits/versions/3/").content.decode()

    assert "our fault" in html


def test_a_gate_that_needs_it_is_errored_and_nothing_is_rejected(card, as_, tmp_path):
    release = Release.objects.filter(version=card.version).first()
    Release.objects.filter(pk=release.pk).update(state="validating")
    run = release.gate_runs.get(gate="integrity")

    verdict = Bench(release, tmp_path, lambda told: None).measure("integrity")
    with makers.unguarded("releases_gaterun"):  # the gates of this world have ended before
        GateRun.objects.filter(pk=run.pk).update(
            outcome=str(verdict.outcome), summary=verdict.summary, evidence=dict(verdict.evidence)
        )
    conclude(release)

    assert verdict.outcome is Outcome.ERRORED
    assert "our store" in verdict.summary
    assert "CARD.md of version 3" in verdict.summary
    assert Release.objects.get(pk=release.pk).state == "validating"
    health = as_("dara").get("/health/").content.decode()
    assert card.artifact_id[:12] in health
    assert "lost or damaged" in health
