"""How far a running proof is: noted on its gate, told by REST and page, and nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from registry.models import Event
from registry.services.jobs import LostLease
from releases.api.shapes import GateShape
from releases.lifecycle import State
from releases.models import GateRun
from releases.proof.examiner.progress import Report
from releases.proof.gates import Outcome, Verdict
from releases.services import forecasting, gating
from releases.services.forecasting import Forecast
from releases.web.release.progress import sentence
from tests import makers
from tests.web import reading

pytestmark = pytest.mark.django_db
TOLD = {"part": "confidence", "version": 7, "done": 12_000, "of": 50_200, "expected_end": None}


@pytest.fixture
def proving():
    """A release whose first gate runs, and the job that runs it."""
    release = makers.release(makers.version(), state=State.VALIDATING)
    job = makers.job(subject=release.subject)
    run = release.gate_runs.order_by("position").first()
    gating._start(release, run, job)
    return release, job, run


def test_progress_is_on_the_gate_that_runs_and_no_event(proving):
    release, job, run = proving
    events = Event.objects.count()
    gating._note(release, job, TOLD)
    assert GateRun.objects.get(pk=run.pk).progress == TOLD
    assert release.gate_runs.exclude(progress={}).count() == 1
    assert Event.objects.count() == events


def test_whoever_lost_the_gate_hears_it_at_the_next_report(proving):
    release, job, run = proving
    job.attempt += 1
    with pytest.raises(LostLease):
        gating._note(release, job, TOLD)
    assert GateRun.objects.get(pk=run.pk).progress == {}


def test_a_gate_that_is_finished_has_no_progress_left(proving):
    release, job, run = proving
    gating._note(release, job, TOLD)
    gating._finish(release, run, Verdict(Outcome.PASSED, "as it should be"))
    assert GateRun.objects.get(pk=run.pk).progress == {}


def test_rest_tells_it(proving):
    release, job, run = proving
    assert GateShape(run).data["progress"] is None
    gating._note(release, job, TOLD)
    run.refresh_from_db()
    assert GateShape(run).data["progress"] == TOLD


def test_the_page_tells_it(proving, client):
    release, job, _ = proving
    client.force_login(release.opened_by)
    gating._note(release, job, TOLD)
    page = reading.html(client.get(f"/releases/{release.pk}/"))
    assert "Confidence set of version 7: 12,000 of 50,200 rows." in page
    assert '<progress value="12000" max="50200"' in page


def test_the_sentence_has_the_end_that_is_expected():
    told = TOLD | {"expected_end": datetime(2026, 11, 28, 7, 45, tzinfo=UTC).isoformat()}
    assert sentence(told).endswith("50,200 rows, expected to end about 2026-11-28 07:45 UTC.")
    blocks = {"part": "benchmark", "version": 2, "done": 3, "of": 20, "expected_end": None}
    assert sentence(blocks) == "Benchmark of version 2: 3 of 20 blocks."


def test_the_end_is_expected_by_the_pace_so_far(monkeypatch):
    now = timezone.now()
    clock = iter([now, now + timedelta(seconds=1), now + timedelta(seconds=10), now + timedelta(seconds=11)])
    monkeypatch.setattr(forecasting.timezone, "now", lambda: next(clock))
    told = []
    tell = Forecast(3, told.append)
    for report in (
        Report("confidence", 0, 1000),
        Report("confidence", 10, 1000),
        Report("confidence", 100, 1000),
        Report("benchmark", 0, 20),
    ):
        tell(report)
    assert [each["expected_end"] is None for each in told] == [True, True, False, True]
    expected = datetime.fromisoformat(told[2]["expected_end"])
    assert abs(expected - (now + timedelta(seconds=100))) < timedelta(seconds=1)
