from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from registry.errors import BadInput, NotAllowed
from registry.events import grounds
from registry.models import Event, Person, Role, VersionUploader
from registry.services import people
from releases.lifecycle import State
from releases.models import Release, Review
from releases.selectors import turns
from releases.services import reviews
from tests import makers
from tests.unit.test_builders import full_width

pytestmark = pytest.mark.django_db
WORDS = "beats the champion on recall, looked at every failing row"


@pytest.fixture
def release() -> Release:
    return makers.release()


@pytest.fixture
def boris():
    return makers.person("boris", Role.TECHNICAL)


def sign(release, person, slot="technical", verdict="approve", words=WORDS):
    return reviews.give_review(release, slot=slot, verdict=verdict, grounds=words, by=person)


def test_a_reviewer_signs_a_slot_and_the_log_says_on_what_grounds(release, boris):
    sign(release, boris)

    signed = Review.objects.get()
    assert (signed.slot, signed.person, signed.evidence_digest) == (
        "technical",
        boris,
        release.evidence_digest,
    )
    event = Event.objects.get(kind="review.given")
    assert event.actor == "person/boris"
    assert event.facts["grounds"] == signed.grounds.digest
    assert WORDS not in event.payload
    release.refresh_from_db()
    assert release.state == State.IN_REVIEW


def test_the_last_signature_approves_the_release(release):
    makers.approve(release)
    assert release.state == State.APPROVED
    assert Event.objects.filter(kind="release.approved").count() == 1


def test_one_refusal_rejects_the_release(release, boris):
    sign(release, boris, verdict="reject")
    release.refresh_from_db()
    assert release.state == State.REJECTED


def test_nobody_reviews_their_own_upload(release):
    uploader = release.version.uploaded_by
    people.grant(uploader, Role.TECHNICAL)
    with pytest.raises(NotAllowed, match="someone else"):
        sign(release, uploader)
    assert not Review.objects.exists()


def test_nobody_reviews_what_the_manifest_says_they_built():
    made = makers.version(built_by="Boris@Example.org")
    boris = makers.person("boris", Role.TECHNICAL, email="boris@example.org")
    with pytest.raises(NotAllowed, match="someone else"):
        sign(makers.release(made), boris)


SPELLINGS = (
    "Boris Ivanov <boris@example.org>",
    "mailto:boris@example.org",
    "boris+ci@example.org",
    full_width("boris@example.org"),
)


def reviewer() -> Person:
    return makers.person("boris", Role.TECHNICAL, email="boris@example.org")


@pytest.mark.parametrize("account_is", ["older", "younger"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_lets_a_builder_sign_his_own_build(spelling, account_is):
    boris = reviewer() if account_is == "older" else None
    release = makers.release(makers.version(built_by=spelling))
    boris = boris or reviewer()
    with pytest.raises(NotAllowed, match="someone else"):
        sign(release, boris)
    assert not turns.awaiting(boris, 10)[0]
    with pytest.raises(DatabaseError, match="four eyes"):
        insert(release, boris)


def test_an_address_that_was_given_up_still_counts():
    boris = reviewer()
    boris.email = "other@example.org"
    boris.save()
    release = makers.release(makers.version(built_by="mailto:boris@example.org"))
    with pytest.raises(NotAllowed, match="someone else"):
        sign(release, boris)
    with pytest.raises(DatabaseError, match="four eyes"):
        insert(release, boris)


def test_a_policy_may_tell_plus_addresses_apart():
    model = makers.model(policy={"plus_addresses": "distinct"})
    release = makers.release(makers.version(model, built_by="boris+ci@example.org"))
    assert sign(release, reviewer())


def test_a_builder_without_an_account_is_shown_and_may_be_refused(client):
    shown = makers.release(makers.version(built_by="ci@elsewhere.example"))
    strict = makers.model(policy={"unknown_builder": "refuse"})
    refused = makers.release(makers.version(strict, built_by="ci@elsewhere.example"))
    boris = reviewer()
    with pytest.raises(NotAllowed, match="unknown here"):
        sign(refused, boris)
    with pytest.raises(DatabaseError, match="unknown here"):
        insert(refused, boris)
    assert sign(shown, boris)
    client.force_login(boris)
    assert "builder unknown here" in client.get(f"/releases/{shown.pk}/").content.decode()
    assert client.get(f"/api/v1/releases/{shown.pk}").json()["builders"] == []
    makers.person("ci-owner", email="ci@elsewhere.example")
    assert client.get(f"/api/v1/releases/{shown.pk}").json()["builders"] == ["ci-owner"]
    assert sign(refused, boris)


def test_one_person_fills_one_slot(release, boris):
    people.grant(boris, Role.SECURITY)
    sign(release, boris)
    with pytest.raises(NotAllowed, match="one person fills one slot"):
        sign(release, boris, slot="security")


def test_a_slot_is_signed_once(release, boris):
    sign(release, boris)
    other = makers.person("other", Role.TECHNICAL)
    with pytest.raises(NotAllowed, match="signed already, by boris"):
        sign(release, other)


def test_a_machine_approves_nothing(release):
    robot = makers.person("robot", Role.TECHNICAL, is_machine=True)
    with pytest.raises(NotAllowed, match="machine"):
        sign(release, robot)


def test_a_review_without_the_role_is_refused_with_the_role_it_needs(release):
    with pytest.raises(NotAllowed, match="technical reviewer"):
        sign(release, makers.person("vera", Role.VIEWER))


def test_a_review_needs_grounds_in_words(release, boris):
    with pytest.raises(BadInput, match="grounds"):
        sign(release, boris, words="ok")


def test_a_signature_for_other_evidence_does_not_count(release, boris):
    sign(release, boris)
    Release.objects.filter(pk=release.pk).update(evidence_digest="f" * 64)
    release.refresh_from_db()
    sign(release, boris)
    assert Review.objects.count() == 2, "the old signature is kept, and void"


# --- the same, asked of the database itself ----------------------------------------------------


def insert(release, person, **facts):
    """A review row behind the services' back."""
    given = {
        "slot": "technical",
        "verdict": "approve",
        "grounds": grounds(WORDS, person),
        "version_digest": release.version.digest,
        "evidence_digest": release.evidence_digest,
    }
    with transaction.atomic():
        return Review.objects.create(release=release, person=person, **{**given, **facts})


def test_the_database_takes_an_honest_review(release, boris):
    assert insert(release, boris).pk


def test_the_database_refuses_a_review_by_the_uploader(release):
    with pytest.raises(DatabaseError, match="own upload"):
        insert(release, release.version.uploaded_by)


def test_the_database_refuses_a_review_by_a_further_uploader(release, boris):
    VersionUploader.objects.create(version=release.version, person=boris)
    with pytest.raises(DatabaseError, match="own upload"):
        insert(release, boris)


def test_the_database_refuses_a_review_by_the_named_builder():
    release = makers.release(makers.version(built_by="BORIS"))
    with pytest.raises(DatabaseError, match="own upload"):
        insert(release, makers.person("boris", Role.TECHNICAL))


def test_the_database_refuses_a_machine(release):
    with pytest.raises(DatabaseError, match="machine"):
        insert(release, makers.person("robot", is_machine=True))


def test_the_database_refuses_a_second_slot_for_one_person(release, boris):
    insert(release, boris)
    with pytest.raises(DatabaseError):
        insert(release, boris, slot="security")


def test_the_database_refuses_a_signature_for_other_evidence(release, boris):
    with pytest.raises(DatabaseError, match="evidence"):
        insert(release, boris, evidence_digest="0" * 64)


@pytest.mark.parametrize("attack", ["update", "delete"])
def test_the_database_refuses_to_edit_a_review(release, boris, attack):
    review = insert(release, boris)
    rows = Review.objects.filter(pk=review.pk)
    deed = {"update": lambda: rows.update(verdict="reject"), "delete": lambda: rows._raw_delete("default")}
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        deed[attack]()
