"""A release keeps the policy it was submitted under, whatever the model's becomes."""

from __future__ import annotations

import pytest

from registry import selectors
from registry.models import Event, Role
from registry.services.policy_changes import decide_policy, propose_policy
from releases.lifecycle import State
from releases.rollout import publishing
from releases.services import opening
from tests import makers

pytestmark = pytest.mark.django_db
WHY = "the night batch needs more room"
SMALLER = {"slots": ["approval"], "operators": ["Loop"], "serving": {"cache_mb": 64, "batching": False}}


def change_policy(model, policy):
    model.refresh_from_db()
    based_on, admin = selectors.policy_digest(model), makers.person("", admin=True)
    asked = propose_policy(model, policy=policy, based_on=based_on, grounds=WHY, by=admin)
    return decide_policy(asked, "confirm", grounds=WHY, by=makers.person("", Role.APPROVER))


def serving_of(release):
    plan = publishing.planned(release)
    return plan.serving.cache_bytes, plan.serving.log_share, plan.batching, plan.serving.prepack


@pytest.mark.parametrize("state", [State.VALIDATING, State.IN_REVIEW, State.APPROVED, State.LIVE])
def test_a_submitted_release_keeps_its_policy_and_how_it_is_served(state):
    release = makers.release(makers.version(makers.model(policy={"serving": {"cache_mb": 2}})), state)
    before, served, evidence = release.policy, serving_of(release), release.evidence_digest

    change_policy(release.model, SMALLER)

    release.refresh_from_db()
    assert (release.policy, release.evidence_digest) == (before, evidence)
    assert serving_of(release) == served
    assert served[0] == 2 << 20


def test_a_release_in_review_still_needs_every_signature_it_was_submitted_for():
    release = makers.release()
    change_policy(release.model, SMALLER)

    makers.approve(release)

    assert release.state == State.APPROVED
    assert release.reviews.count() == 4


def test_what_is_submitted_after_the_change_has_the_new_policy_and_is_served_by_it():
    first = makers.release(state=State.LIVE)
    change_policy(first.model, SMALLER)

    second = makers.release(makers.version(first.model))

    assert (second.policy["slots"], serving_of(second)[0]) == (["approval"], 64 << 20)


def test_a_draft_has_the_policy_that_stands_when_it_is_submitted():
    draft = makers.release(state=State.DRAFT)
    change_policy(draft.model, SMALLER)

    opening.submit_release(draft, by=draft.opened_by)

    draft.refresh_from_db()
    assert draft.policy["slots"] == ["approval"]
    assert Event.objects.get(kind="release.validating").facts["policy"] == draft.policy


def test_a_release_opened_from_an_old_page_has_the_policy_that_stands():
    version = makers.version()
    stale = version.model.policy
    change_policy(type(version.model).objects.get(pk=version.model.pk), SMALLER)
    assert version.model.policy == stale

    assert makers.release(version).policy["slots"] == ["approval"]


def test_a_release_whose_policy_stood_still_tells_it_once():
    release = makers.release()
    assert Event.objects.get(kind="release.opened").facts["policy"] == release.policy
    assert "policy" not in Event.objects.get(kind="release.validating").facts
