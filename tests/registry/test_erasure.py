"""What a person wrote goes for good, and the log still verifies."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from registry import covers, events
from registry.errors import BadInput, NotAllowed
from registry.models import ERASED, Event, Grounds, IdempotencyKey, Person, Role
from registry.services import people
from registry.services.erasure import erase_words
from releases.models import Review
from tests import makers
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db
WORDS = "my own long words about this model"
WHY = "she has asked us to, by letter"


@pytest.fixture
def admin():
    return makers.person("root", admin=True)


@pytest.fixture
def reviewed():
    """A release with a signature of boris over REST, under a key, so that its answer is kept."""
    release = makers.release()
    boris = Caller(person=makers.person("boris", Role.TECHNICAL))
    said = {"slot": "technical", "verdict": "approve", "grounds": WORDS}
    answer = boris.post(f"/releases/{release.pk}/reviews", said, **{"Idempotency-Key": "once"})
    assert answer.status_code == 201, answer.content
    return release, boris


def everywhere():
    return repr([list(Grounds.objects.values()), list(IdempotencyKey.objects.values())])


def test_the_words_are_gone_and_the_chain_holds(reviewed, admin):
    release, boris = reviewed
    assert WORDS in everywhere()

    answer = Caller(person=admin).post("/people/boris/erasure", {"grounds": WHY})

    assert (answer.status_code, answer.json()) == (200, {"person": "boris", "erased": 1})
    assert WORDS not in everywhere()
    assert events.verify().broken_at is None
    assert list(covers.grounds()) == []
    told = Event.objects.get(kind="grounds.erased")
    assert (told.subject, told.actor) == ("person/boris", "person/root")
    kept = Review.objects.get().grounds
    assert told.facts["erased"] == [kept.digest]
    assert (kept.text, kept.salt) == ("", "")
    assert Grounds.objects.get(digest=told.facts["grounds"]).text == WHY
    assert boris.get(f"/releases/{release.pk}").json()["reviews"][0]["grounds"] == ERASED
    again = boris.post(
        f"/releases/{release.pk}/reviews",
        {"slot": "technical", "verdict": "approve", "grounds": WORDS},
        **{"Idempotency-Key": "once"},
    )
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert WORDS not in again.content.decode()


def test_a_signature_counts_without_its_words(admin):
    release = makers.release(state="approved")
    erase_words(release.reviews.first().person, by=admin, grounds=WHY)
    release.refresh_from_db()
    assert release.state == "approved"


def test_who_may_not_erases_nothing(reviewed, admin):
    _, boris = reviewed
    assert boris.post("/people/boris/erasure", {"grounds": WHY}).status_code == 403
    with pytest.raises(NotAllowed, match="role admin"):
        erase_words(Review.objects.get().person, by=Review.objects.get().person, grounds=WHY)
    with pytest.raises(BadInput, match="Say on what grounds"):
        erase_words(Review.objects.get().person, by=admin, grounds="so")
    assert WORDS in everywhere()


def test_an_admin_of_one_model_erases_nothing(reviewed):
    """A person's words lie beside all models: who answers for one does not decide over the others."""
    review = Review.objects.get()
    ours = makers.person("nora")
    people.grant(ours, Role.ADMIN, model=review.release.model)
    with pytest.raises(NotAllowed, match="role admin"):
        erase_words(review.person, by=ours, grounds=WHY)
    assert WORDS in everywhere()


def test_the_operator_erases_by_command_in_an_admins_name(reviewed, admin, capsys):
    with pytest.raises(CommandError, match="role admin"):
        call_command("erase", "boris", "--by", "boris", "--grounds", WHY)
    Person.objects.filter(username="boris").update(is_active=False)
    call_command("erase", "boris", "--by", "root", "--grounds", WHY)
    assert capsys.readouterr().out == "boris: 1 text erased\n"
    assert WORDS not in everywhere()


@pytest.mark.parametrize("change", [{"text": "other words"}, {"salt": ""}, {"text": ""}])
def test_the_database_lets_nobody_edit_words(reviewed, change):
    with pytest.raises(DatabaseError, match="kept or erased"), transaction.atomic():
        Grounds.objects.update(**change)


def test_the_database_lets_nobody_delete_words(reviewed):
    with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
        Grounds.objects.all()._raw_delete("default")


def test_erased_words_do_not_come_back(reviewed, admin):
    erase_words(Review.objects.get().person, by=admin, grounds=WHY)
    with pytest.raises(DatabaseError, match="kept or erased"), transaction.atomic():
        Grounds.objects.exclude(erased_at=None).update(text=WORDS)
