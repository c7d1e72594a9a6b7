"""The way back on pages: what would answer, which versions can be chosen, and what becomes of it."""

from __future__ import annotations

import pytest

from releases import selectors
from releases.models import Release, Rollout
from releases.services import advancing, rollouts
from tests import makers
from tests.web import world as worlds

pytestmark = pytest.mark.django_db


def page(client, address: str) -> str:
    return " ".join(client.get(address).content.decode().split())


def first(world) -> Release:
    return Release.objects.get(model=world.model, version__number=1)


def test_the_button_and_its_dialog_name_what_comes_back(world, as_):
    html = page(as_("chloe"), f"/releases/{world.live.pk}/")
    assert "Roll back to version 1…" in html
    assert "<strong>Version 1</strong> answers clients again. It was live from" in html
    assert "version 2 answers until it is there" in html
    assert f'href="/releases/{world.live.pk}/back"' in html
    assert "Roll back to version 1…" in page(as_("chloe"), "/models/digits/")


def test_a_first_release_has_nothing_to_restore_and_says_what_its_clients_would_get(world, as_):
    people = world.people
    model = makers.model("letters", people["amina"])
    only = worlds.approved(worlds.version(model, people, 1), people, 0.95, 0.94)
    worlds.roll_out(only, None, people["chloe"])
    html = page(as_("chloe"), f"/releases/{only.pk}/")
    assert "There is nothing to restore: no other version that may serve was live here before." in html
    assert "take the model offline for that" in html
    assert "do-roll_back" not in html
    assert "No other version was live here before" in page(as_("chloe"), f"/releases/{only.pk}/back")


def test_a_rollout_says_that_the_live_version_goes_on_answering(world, as_):
    coming = worlds.approved(worlds.version(world.model, world.people, 6), world.people, 0.98, 0.96)
    rollouts.start_rollout(coming, by=world.people["chloe"])
    html = page(as_("chloe"), f"/releases/{coming.pk}/")
    assert "<strong>Version 2</strong> goes on answering clients, as it has since" in html
    refused = page(as_("chloe"), f"/releases/{world.live.pk}/")
    assert "Another rollout of this model is open" in refused
    assert "do-roll_back" not in refused


def test_a_version_is_chosen_on_its_page_and_the_release_says_where_it_is(world, as_):
    chloe = as_("chloe")
    address = f"/releases/{world.live.pk}/back"
    html = page(chloe, address)
    assert 'name="to" value="1"' in html
    assert "The version just before." in html
    assert "accuracy 0.957" in html
    form = {"to": "1", "grounds": "it is slow", "typed": "digits"}

    assert chloe.post(f"/releases/{world.live.pk}/actions/roll_back", form).status_code == 302

    html = page(chloe, f"/releases/{world.live.pk}/")
    assert "Going back to version 1: preparing. This one answers until it is there." in html
    assert "Way back to version 1" in html
    assert "Roll-back from version 2 to version 1 asked for" in html
    assert "it is slow" in html
    assert "This release is on its way back already." in html
    assert "do-roll_back" not in html

    advancing.give_up(world.live.pk, "n1 fell silent")
    html = page(chloe, f"/releases/{world.live.pk}/")
    assert "The way back to version 1 was given up: A step failed again and again: n1 fell silent" in html
    assert "Clients are answered as before, by version 2." in html


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"to": "1"}, 422, "Type the model&#x27;s name"),
        ({"to": "one", "typed": "digits"}, 422, "Say the number of a version."),
        ({"to": "2", "typed": "digits"}, 409, "is what is live here now"),
        ({"to": "3", "typed": "digits"}, 409, "was never live here"),
    ],
)
def test_what_cannot_be_chosen_is_refused_on_the_page_and_nothing_begins(world, as_, form, status, words):
    answer = as_("chloe").post(f"/releases/{world.live.pk}/actions/roll_back", form)
    assert (answer.status_code, words in answer.content.decode()) == (status, True)
    assert not Rollout.objects.filter(closed_at=None).exists()


def test_who_may_not_roll_back_reads_the_choices_and_has_no_form(world, as_):
    html = page(as_("vera"), f"/releases/{world.live.pk}/back")
    assert "This needs the role release manager." in html
    assert "Version 1" in html
    assert 'name="to"' not in html


def test_what_cannot_come_back_is_locked_and_the_button_leads_to_the_choice(world, as_):
    lost = next(f for f in first(world).version.files.all() if f.key == "model")
    with makers.unguarded("registry_versionfile"):
        lost.artifact = makers.artifact(b"never stored")
        lost.save()
    html = page(as_("chloe"), f"/releases/{world.live.pk}/")
    assert "do-roll_back" not in html
    assert f'href="/releases/{world.live.pk}/back"' in html
    chosen = page(as_("chloe"), f"/releases/{world.live.pk}/back")
    assert "Our store has lost model.onnx: restore it from a backup." in chosen
    assert 'name="to"' not in chosen


def test_after_it_both_pages_tell_both_versions(world, as_):
    back = first(world)
    rollouts.restore(world.live, back, actor="person/chloe")
    assert "Rolled back from version 2 to version 1: decided by chloe" in page(
        as_("chloe"), f"/releases/{world.live.pk}/"
    )
    assert "Live again: version 2 was rolled back" in page(as_("chloe"), f"/releases/{back.pk}/")
    assert selectors.champion(back.model, back.environment) == back
