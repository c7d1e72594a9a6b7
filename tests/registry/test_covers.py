"""A verification finds what was changed beside the log, and lawful changes leave nothing to find."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from registry import covers, selectors
from registry.models import Event, Grounds, Membership, RegisteredModel, Role
from registry.services import erasure, people
from registry.services.policy_changes import decide_policy, propose_policy
from releases import covers as release_covers
from releases.lifecycle import State
from releases.models import GateRun, Release, Review
from releases.proof.gates import Outcome, Verdict
from releases.services import gating
from tests import makers

pytestmark = pytest.mark.django_db
WHY = "the team has other work now"


@pytest.fixture
def root():
    return makers.person("root", admin=True)


@pytest.fixture
def measured() -> GateRun:
    """A gate that has finished through its own door."""
    release = makers.release(state=State.VALIDATING)
    run = release.gate_runs.get(gate="benchmark")
    gating._finish(release, run, Verdict(Outcome.PASSED, "fast enough", {"p50_ms": 1.5, "rows": {7: -0.0}}))
    run.refresh_from_db()
    return run


def test_lawful_changes_leave_nothing_to_find(root):
    release = makers.release(state=State.LIVE)
    vera = makers.person("vera")
    people.grant(vera, Role.VIEWER, by=root, why=WHY)
    people.grant(vera, Role.AUDITOR, model=release.model, by=root, why=WHY)
    people.revoke(vera, Role.VIEWER, by=root, why=WHY)
    asked = {"policy": {"margin": 0.5}, "based_on": selectors.policy_digest(release.model)}
    proposal = propose_policy(release.model, by=root, grounds=WHY, **asked)
    edda = makers.person("edda", Role.APPROVER)
    decide_policy(proposal, "confirm", grounds=WHY, by=edda)
    erasure.erase_words(edda, grounds=WHY, by=root)
    checks = (covers.grounds, covers.memberships, covers.policies, release_covers.reviews)
    assert [found for check in checks for found in check()] == []
    assert list(release_covers.states()) == []


def test_every_check_takes_part_in_a_verification():
    assert [
        covers.grounds,
        covers.memberships,
        covers.policies,
        covers.versions,
        covers.guards,
        release_covers.gates,
        release_covers.reviews,
        release_covers.states,
        release_covers.retirements,
        release_covers.guards,
    ] == covers.CHECKS


def test_words_that_were_edited_or_taken_away_are_found(root):
    release = makers.release()
    makers.approve(release)
    with makers.unguarded("registry_grounds"):
        first, second = Grounds.objects.order_by("written_at")[:2]
        Grounds.objects.filter(pk=first.pk).update(text="never looked at it")
        Grounds.objects.filter(pk=second.pk).update(text="", salt="", erased_at=second.written_at)
    assert set(covers.grounds()) == {
        f"the words {first.digest[:12]}… are not those that were written",
        f"the words {second.digest[:12]}… were erased, and no event says so",
    }


def test_a_role_that_no_event_gave_or_took_is_found(root):
    with makers.unguarded("registry_membership"):
        vera = makers.person("vera", Role.VIEWER)
        Membership.objects.create(person=vera, role=Role.APPROVER)
        Membership.objects.filter(person=vera, role=Role.VIEWER).delete()
    assert list(covers.memberships()) == [
        "person/vera has the role approver on all models, and no event gave it",
        "person/vera lost the role viewer on all models, and no event took it",
    ]


def test_a_request_to_retire_that_no_event_made_is_found():
    release = makers.release()
    with makers.unguarded("releases_release"):
        Release.objects.filter(pk=release.pk).update(retire_asked_by=makers.person("mallory"))
    assert list(release_covers.retirements()) == [
        f"release/{release.pk} says that person/mallory asked to retire it, and no event does"
    ]


def test_a_policy_that_nobody_confirmed_is_found():
    model = makers.model("digits")
    with makers.unguarded("registry_registeredmodel"):
        RegisteredModel.objects.filter(pk=model.pk).update(policy={"slots": ["approval"]})
    assert list(covers.policies()) == ["the policy of digits is not the one that was confirmed last"]


def test_a_version_that_was_not_uploaded_is_found():
    version = makers.version(makers.model("digits"))
    assert list(covers.versions()) == [f"no event uploaded version/digits/{version.number}"]


def test_a_verdict_agrees_with_its_event(measured):
    assert Event.objects.get(kind="gate.finished").facts["gate"] == "benchmark"
    assert list(release_covers.gates()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outcome": "failed"}, "does not say what was measured"),
        ({"summary": "much faster"}, "does not say what was measured"),
        ({"evidence": {"p50_ms": 0.1}}, "does not say what was measured"),
        ({"outcome": "pending"}, "has lost its verdict"),
    ],
)
def test_a_verdict_that_was_changed_is_found(measured, change, said):
    with makers.unguarded("releases_gaterun"):
        GateRun.objects.filter(pk=measured.pk).update(**change)
    assert list(release_covers.gates()) == [f"the benchmark gate of {measured.release.subject} {said}"]


def test_a_pass_that_was_never_measured_is_found():
    release = makers.release(state=State.VALIDATING)
    release.gate_runs.filter(gate="schema").update(outcome="passed")
    assert list(release_covers.gates()) == [
        f"the schema gate of {release.subject} has passed, and no event says so"
    ]


def test_an_error_of_ours_that_is_tried_again_is_no_lost_verdict():
    release = makers.release(state=State.VALIDATING)
    run = release.gate_runs.get(gate="integrity")
    gating._finish(release, run, Verdict(Outcome.ERRORED, "no room on the disk"))
    assert list(release_covers.gates()) == []
    gating.retry(release, by=release.version.uploaded_by)
    assert list(release_covers.gates()) == []


def test_a_signature_that_was_forged_moved_or_taken_away_is_found():
    release = makers.release()
    makers.approve(release)
    with makers.unguarded("releases_review"):
        first = Review.objects.get(slot="technical")
        Review.objects.filter(pk=first.pk).update(person=makers.person("eve"))
    assert list(release_covers.reviews()) == [
        f"the technical review of {release.subject} by person/eve was given by no event",
        f"the technical review of {release.subject} by person/{first.person} is gone or was changed",
    ]


def test_a_state_to_which_no_step_led_is_found():
    release = makers.release(state=State.VALIDATING)
    with makers.unguarded("releases_release"):
        Release.objects.filter(pk=release.pk).update(state="live")
    assert list(release_covers.states()) == [f"{release.subject} is live, and the log says validating"]


def test_a_guard_that_was_taken_off_is_found_as_long_as_it_is_off():
    with makers.unguarded("registry_grounds"), makers.unguarded("releases_route"):
        assert "the database has lost the guard words_are_kept_or_erased" in list(covers.guards())
        assert "the database has lost the guard releases_route_no_update" in list(release_covers.guards())
    assert [*covers.guards(), *release_covers.guards()] == []


def test_roles_are_given_and_taken_by_events_alone(root):
    vera = makers.person("vera", Role.VIEWER)
    held = Membership.objects.filter(person=vera)
    for deed in (
        lambda: Membership.objects.create(person=vera, role=Role.APPROVER),
        lambda: held.update(role=Role.ADMIN),
        held.delete,
    ):
        with pytest.raises(DatabaseError, match="a role is"), transaction.atomic():
            deed()
    people.revoke(vera, Role.VIEWER, by=root, why=WHY)
    with pytest.raises(DatabaseError, match="given by an event"), transaction.atomic():
        Membership.objects.create(person=vera, role=Role.VIEWER)
    people.grant(vera, Role.VIEWER, by=root, why=WHY)
    assert held.exists()


@pytest.mark.parametrize(
    "change", [{"outcome": "failed"}, {"summary": "faster"}, {"evidence": {"p50_ms": 0.1}}]
)
def test_a_finished_gate_keeps_its_verdict(measured, change):
    row = GateRun.objects.filter(pk=measured.pk)
    with pytest.raises(DatabaseError, match="keeps its verdict"), transaction.atomic():
        row.update(**change)
    with pytest.raises(DatabaseError, match="keeps its verdict"), transaction.atomic():
        row._raw_delete("default")
