from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from registry.models import ModelVersion
from releases import guards as release_guards
from releases.lifecycle import State
from releases.models import GateRun, Release, Rollout
from releases.proof.gates.catalog import GATES
from releases.services import gating
from tests import makers

pytestmark = pytest.mark.django_db


def set_state(release: Release, state: State) -> None:
    """Behind the back of the one door."""
    with transaction.atomic():
        Release.objects.filter(pk=release.pk).update(state=state)


def test_the_guards_know_every_gate():
    assert set(release_guards.GATES) == set(GATES)


@pytest.mark.parametrize("state", [State.ROLLING_OUT, State.LIVE])
def test_what_is_not_signed_never_serves(state):
    release = makers.release(state=State.IN_REVIEW)
    with pytest.raises(DatabaseError, match="not proven and approved"):
        set_state(release, state)


@pytest.mark.parametrize("outcome", ["failed", "pending", "errored"])
def test_what_is_not_proven_never_serves(outcome):
    release = makers.release(state=State.APPROVED)
    with makers.unguarded("releases_gaterun"):
        GateRun.objects.filter(release=release, gate="benchmark").update(outcome=outcome)
    with pytest.raises(DatabaseError, match="not proven and approved"):
        set_state(release, State.ROLLING_OUT)


def condemn(version, gate="confidence"):
    """Another release of the version has failed this gate."""
    failed = makers.release(version, State.VALIDATING, environment="elsewhere")
    failed.gate_runs.filter(gate=gate).update(outcome="failed")
    gating.conclude(failed)
    return failed


def test_a_version_that_failed_a_data_gate_gets_no_new_release():
    failed = condemn(makers.version())
    with pytest.raises(DatabaseError, match="failed a data gate"), transaction.atomic():
        Release.objects.create(
            version=failed.version,
            model=failed.model,
            environment=failed.environment,
            opened_by=failed.opened_by,
        )


@pytest.mark.parametrize(
    ("state", "wanted"), [(State.DRAFT, State.VALIDATING), (State.APPROVED, State.ROLLING_OUT)]
)
def test_what_is_on_its_way_goes_no_further_once_its_version_failed_a_data_gate(state, wanted):
    release = makers.release(state=state)
    condemn(release.version, "end_to_end")
    with pytest.raises(DatabaseError, match="failed a data gate"):
        set_state(release, wanted)
    set_state(release, State.WITHDRAWN)


def test_what_served_before_its_version_failed_is_still_there_to_go_back_to():
    release = makers.release(state=State.LIVE)
    condemn(release.version)
    set_state(release, State.SUPERSEDED)
    set_state(release, State.LIVE)


def test_failing_another_gate_condemns_nothing():
    version = makers.version()
    condemn(version, "benchmark")
    assert makers.release(version).state == State.IN_REVIEW


@pytest.mark.parametrize("attack", ["update", "delete"])
def test_a_failed_data_gate_stays_failed(attack):
    runs = condemn(makers.version()).gate_runs.filter(gate="confidence")
    deed = {"update": lambda: runs.update(outcome="passed"), "delete": lambda: runs._raw_delete("default")}
    with pytest.raises(DatabaseError, match="stays failed"), transaction.atomic():
        deed[attack]()


def test_signatures_for_other_evidence_do_not_let_it_serve():
    release = makers.release(state=State.APPROVED)
    Release.objects.filter(pk=release.pk).update(evidence_digest="e" * 64)
    with pytest.raises(DatabaseError, match="not proven and approved"):
        set_state(release, State.ROLLING_OUT)


def test_what_is_proven_and_approved_may_serve():
    release = makers.release(state=State.APPROVED)
    set_state(release, State.ROLLING_OUT)
    set_state(release, State.LIVE)


def test_there_is_one_live_release_per_model_and_environment():
    first = makers.release(state=State.LIVE)
    second = makers.release(makers.version(first.model), state=State.APPROVED)
    with pytest.raises(DatabaseError):
        set_state(second, State.LIVE)


def test_another_environment_has_its_own_live_release():
    first = makers.release(state=State.LIVE)
    makers.release(makers.version(first.model), state=State.LIVE, environment="staging")
    assert Release.objects.filter(state=State.LIVE).count() == 2


def test_there_is_one_open_rollout_per_model_and_environment():
    release = makers.release(state=State.APPROVED)
    facts = {"release": release, "model": release.model, "environment": release.environment}
    Rollout.objects.create(**facts)
    with pytest.raises(DatabaseError), transaction.atomic():
        Rollout.objects.create(**facts)


def test_a_release_begins_as_draft():
    version = makers.version()
    with pytest.raises(DatabaseError, match="begins as draft"), transaction.atomic():
        Release.objects.create(
            version=version,
            model=version.model,
            environment=makers.environment(),
            state=State.APPROVED,
            opened_by=version.uploaded_by,
        )


@pytest.mark.parametrize("change", [{"version": 2}, {"policy": {"slots": ["approval"]}}])
def test_what_a_release_is_about_stays(change):
    release = makers.release()
    if "version" in change:
        change = {"version": makers.version(release.model)}
    with pytest.raises(DatabaseError, match="keeps its version"), transaction.atomic():
        Release.objects.filter(pk=release.pk).update(**change)


@pytest.mark.parametrize("attack", ["update", "delete"])
def test_a_version_is_never_edited(attack):
    rows = ModelVersion.objects.filter(pk=makers.version().pk)
    deed = {"update": lambda: rows.update(digest="0" * 64), "delete": lambda: rows._raw_delete("default")}
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        deed[attack]()
