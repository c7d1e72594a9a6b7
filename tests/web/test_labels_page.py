"""The page of labels: refusals are told where one stands."""

from __future__ import annotations

from tests.releases.labelled import twelve
from tests.web import staged


def test_cases_come_one_after_the_other(world, as_):
    rollout = staged.build(world).rollout
    twelve(rollout)
    client = as_("boris")
    here = f"/rollouts/{rollout.pk}/labels/"
    page = client.get(here)
    assert page.status_code == 200
    key = page.context["case"]["key"]
    assert "12 cases left" in page.content.decode()
    assert client.post(f"{here}give", {"case": key, "right": "first"}).status_code == 302
    again = client.post(f"{here}give", {"case": key, "right": "first"})
    assert again.status_code == 409
    assert "There is no case" in again.content.decode()
    assert "11 cases left" in again.content.decode()
    assert as_("vera").get(here).status_code == 403


def test_the_page_of_a_rollout_leads_there_whom_it_is_for(world, as_):
    rollout = staged.build(world).rollout
    shown = {who: as_(who).get(f"/rollouts/{rollout.pk}/").content.decode() for who in ("boris", "vera")}
    assert {who for who, page in shown.items() if f'href="/rollouts/{rollout.pk}/labels/"' in page} == {
        "boris"
    }
