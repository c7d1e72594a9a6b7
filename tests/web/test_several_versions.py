"""Several versions in one rollout, on its page, on those of their releases, in lists and over REST."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from releases.lifecycle import State
from releases.models import Arm, FreezeOverride, FreezeWindow, Release
from tests.web import reading, staged
from tests.web import world as worlds
from tests.web.conftest import HTMX

AT = "/models/digits/versions/6"


@pytest.fixture
def moving(world):
    return staged.build(world, kind="ab_test", stage=1, number=7, beside=(6,))


def guest(moving):
    return Release.objects.get(version__model=moving.release.model, version__number=6)


def test_the_page_names_all_of_them_and_each_has_its_own_buttons(moving, as_):
    html = reading.html(as_("chloe").get(f"/rollouts/{moving.rollout.pk}/"))
    assert "versions 7 and 6" in html
    assert "Against version 6" in html or "For version 6" in html
    listed = html[html.index('id="parts"') :]
    for number in (6, 7):
        for name in ("promote", "end_trial", "roll_back"):
            assert f'id="ask-{name}-{number}"' in listed
            assert f'id="do-{name}-{number}"' in html
    head = html[: html.index('id="stages"')]
    assert "Roll all back" in head
    assert "End all trials" in head
    assert 'data-dialog="do-promote"' not in html
    assert 'name="everything" value="yes"' in html[html.index('id="do-roll_back-yes"') :]


def test_one_is_taken_out_and_the_others_go_on(moving, as_):
    client, at = as_("chloe"), f"/rollouts/{moving.rollout.pk}/actions/end_trial"
    said = {"version": "6", "typed": "digits", "grounds": "seen enough"}
    response = client.post(at, said, headers=HTMX)
    assert response.status_code == 200
    assert guest(moving).state == State.APPROVED
    moving.release.refresh_from_db()
    assert moving.release.state == State.ROLLING_OUT
    html = reading.html(response)
    assert "left it" in html
    assert 'id="ask-end_trial-6"' not in html
    moving.rollout.refresh_from_db()
    assert moving.rollout.closed_at is None


def test_all_are_rolled_back_by_the_red_button(moving, as_):
    said = {"everything": "yes", "typed": "digits"}
    as_("chloe").post(f"/rollouts/{moving.rollout.pk}/actions/roll_back", said)
    moving.release.refresh_from_db()
    assert (moving.release.state, guest(moving).state) == (State.ROLLED_BACK, State.ROLLED_BACK)


def test_when_the_first_has_left_the_page_steers_by_those_that_are_in_it(moving, as_):
    Arm.objects.filter(release=moving.release).update(left_at=timezone.now())
    html = reading.html(as_("chloe").get(f"/rollouts/{moving.rollout.pk}/"))
    assert 'id="ask-promote-6"' in html
    assert 'id="ask-promote-7"' not in html
    response = as_("chloe").post(f"/rollouts/{moving.rollout.pk}/actions/pause", {"grounds": "lunch"})
    assert response.status_code == 302
    moving.rollout.refresh_from_db()
    assert moving.rollout.paused_by == "person/chloe"


def test_the_page_of_a_release_says_in_whose_rollout_it_is(moving, as_):
    html = reading.html(as_("vera").get(f"/releases/{guest(moving).pk}/"))
    assert "On trial in production." in html
    assert "It takes part in the rollout of version 7, and goes its way: stage 2 of 2." in html
    assert f'href="/rollouts/{moving.rollout.pk}/"' in html
    assert "Takes part in the rollout of version 7" in html
    for listed in ("/releases/", "/models/digits/"):
        assert "in that of version 7" in reading.html(as_("vera").get(listed))


def test_what_may_be_tried_beside_it_is_offered_and_taken(world, as_):
    made = worlds.version(world.model, world.people, 6)
    worlds.approved(worlds.version(world.model, world.people, 7), world.people, 0.98, 0.962)
    html = reading.html(as_("amina").get(f"{AT}/"))
    assert 'name="against" value="7"' in html
    assert "approved for production" in html
    said = {"environment": "production", "kind": "shadow", "against": ["7"]}
    assert as_("amina").post(f"{AT}/releases", said).status_code == 302
    assert Release.objects.get(version=made).strategy == {"kind": "shadow", "against": [7]}


def test_a_way_that_takes_one_version_says_so(world, as_):
    worlds.version(world.model, world.people, 6)
    worlds.approved(worlds.version(world.model, world.people, 7), world.people, 0.98, 0.962)
    said = {"environment": "production", "kind": "canary", "against": ["7"]}
    html = reading.html(as_("amina").post(f"{AT}/releases", said))
    assert "<code>strategy.against</code>" in html
    assert "canary takes one version" in html
    assert 'value="7" checked' in html


def test_each_is_let_through_a_freeze_by_itself(moving, as_):
    now = timezone.now()
    FreezeWindow.objects.create(
        environment=moving.rollout.environment, name="audit week", made_by="person/chloe",
        begins_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1),
    )  # fmt: skip
    client, at = as_("chloe"), f"/rollouts/{moving.rollout.pk}/"
    html = reading.html(client.get(at))
    assert "It waits until then." in html
    assert 'id="do-override_freeze"' not in html
    said = {"version": "6", "typed": "digits", "grounds": "a customer waits for it"}
    assert client.post(f"{at}actions/override_freeze", said, headers=HTMX).status_code == 200
    assert FreezeOverride.objects.get().release == guest(moving)
    html = reading.html(client.get(at))
    assert "chloe asks to let version 6 through: a second person has to agree." in html
    assert 'id="do-override_freeze-7"' in html
    assert 'id="do-override_freeze-6"' not in html


def test_an_approved_version_joins_from_its_releases_page(world, as_):
    moving = staged.build(world, kind="ab_test", stage=1, pair=0.0)
    third = worlds.approved(worlds.version(world.model, world.people, 8), world.people, 0.98, 0.96)
    at = f"/releases/{third.pk}/"
    html = reading.html(as_("chloe").get(at))
    dialog = html[html.index('id="do-join_rollout"') :]
    assert 'name="share"' in dialog[: dialog.index("</form>")]
    assert 'id="do-join_rollout"' not in reading.html(as_("vera").get(at))
    refused = as_("chloe").post(f"{at}actions/join_rollout", {"share": "50"})
    assert refused.status_code == 422
    told = reading.html(refused)
    assert "keeps some to be compared with" in told
    assert 'value="50"' in told[told.index('id="do-join_rollout"') :], "what was written is kept"
    assert as_("chloe").post(f"{at}actions/join_rollout", {"share": "1e"}).status_code == 422
    assert as_("chloe").post(f"{at}actions/join_rollout", {"share": "20"}).status_code == 302
    assert Arm.objects.get(release=third).rollout == moving.rollout
    assert moving.rollout.stages.get(place=1).shares == {"6": 0.5, "8": 0.2}
    page = reading.html(as_("chloe").get(f"/rollouts/{moving.rollout.pk}/"))
    assert "versions 6 and 8" in page
    told = reading.html(as_("chloe").get(at))
    assert "Version 8 has joined the rollout" in page + told + reading.html(as_("dara").get("/audit/"))
