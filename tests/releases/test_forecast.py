"""A forecast over rows: on its model's own complete hours, before the start and while it goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from releases.models import Traffic
from releases.rollout import earlier
from releases.services import rollouts
from tests import makers

pytestmark = pytest.mark.django_db
HOUR = 3600


def asked(world, hours_ago, requests, *, failed=0, version=1, arm="champion"):
    at = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours_ago)
    Traffic.objects.create(
        environment=world.environment,
        model=world.first.model,
        version=version,
        arm=arm,
        at=at,
        span=HOUR,
        requests=requests,
        codes={"inference_failed": failed} if failed else {},
    )


def test_the_same_hours_of_whole_days_are_what_it_is_played_on(world):
    for hours in range(1, 31):
        asked(world, hours, 100 + hours, failed=1)
    asked(world, 0, 9999)
    asked(world, 2, 50, version=3, arm="canary")
    asked(world, 3, 70, arm="internal")
    found = earlier.past(world.first, timezone.now())
    assert (len(found.per_hour), found.hours) == (24, 30), "an hour that goes on is not known yet"
    assert found.per_hour[-1] == 101
    assert found.per_hour[-2] == 152, "whichever version answered"
    assert found.per_hour[0] == 124
    assert found.bad == pytest.approx(30 / sum(range(101, 131)))


def test_of_less_than_a_day_all_hours_are_alike_and_of_nothing_nothing_is_known(world):
    assert earlier.past(world.first, timezone.now()) is None
    asked(world, 1, 100)
    asked(world, 2, 300)
    assert earlier.past(world.first, timezone.now()).per_hour == (200.0,) * 24


def foretold(client, world, strategy, model=None):
    asked = {"environment": world.environment.name, "strategy": strategy}
    address = reverse("api-forecast", args=[(model or world.first.model).name])
    return client.post(address, asked, content_type="application/json")


def test_it_is_told_on_pages_and_over_rest_before_the_start_and_after(world, client):
    for hours in range(1, 25):
        asked(world, hours, 100_000)
    client.force_login(world.chloe)
    release = world.approved()
    before = foretold(client, world, release.strategy).json()
    assert (before["kind"], before["hours_known"], len(before["stages"])) == ("canary", 24, 3)
    assert before["noticed"][0]["stage"] == 0
    version = reverse("version", args=[release.model.name, release.version.number])
    for page in (version, reverse("release", args=[release.pk])):
        assert "Played on what this model was asked in the last 1 day" in client.get(page).content.decode()
    rollouts.start_rollout(release, by=world.chloe)
    world.settle(release)
    after = client.get(reverse("api-rollout", args=[release.pk])).json()["forecast"]
    assert [each["stage"] for each in after["stages"]] == [0, 1, 2]
    rollout = release.rollouts.get()
    shown = client.get(reverse("rollout", args=[rollout.pk])).content.decode()
    assert "How long it takes" in shown


def test_where_there_is_nothing_to_foretell_it_says_so(world, client):
    client.force_login(world.chloe)
    quiet = foretold(client, world, {"kind": "canary"})
    assert (quiet.status_code, "no whole hour" in quiet.json()["detail"]) == (409, True)
    single = foretold(client, world, {"kind": "single"})
    assert (single.status_code, "all at once" in single.json()["detail"]) == (409, True)
    first = foretold(client, world, {"kind": "canary"}, makers.model())
    assert (first.status_code, "goes out at once" in first.json()["detail"]) == (409, True)
    wrong = foretold(client, world, {"kind": "canary", "speed": 1})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "strategy.speed")
    release = world.approved()
    rollouts.start_rollout(release, by=world.chloe)
    assert client.get(reverse("api-rollout", args=[release.pk])).json()["forecast"] is None
