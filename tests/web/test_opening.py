"""Opening a release of a version: what is offered, what each would do, and what is refused in which field."""

from __future__ import annotations

import pytest
from django.utils.html import escape
from msgspec.structs import replace

from registry import model_policy
from registry.catalogue import CataloguedMetric
from registry.models import Event
from releases.models import Release
from releases.rollout import staging
from releases.rollout.designs.design import OFFERED
from releases.web.rollout import words
from tests.web import hostile as hostiles
from tests.web import reading
from tests.web import world as worlds

AT = "/models/digits/versions/6"


@pytest.fixture
def fresh(world):
    """A version that has no release yet."""
    return worlds.version(world.model, world.people, 6)


def opened(client, **said):
    return client.post(f"{AT}/releases", {"environment": "production", **said})


def test_every_strategy_that_is_offered_says_what_it_would_do_and_no_other_is_there(fresh, as_):
    html = reading.html(as_("amina").get(f"{AT}/"))
    form = html[html.index('id="open-release"') :]
    offered = [kind for kind in words.DOES if f'value="{kind}"' in form]
    of_a_metric = ("ab_test", "bandit")  # and there is none
    assert offered == [kind for kind in OFFERED if kind not in of_a_metric]
    assert "1 % of the units are answered by version 6 and 99 % by version 2" in form
    assert "Clients are answered by version 2 alone." in form
    assert 'value="canary" checked' in form


def test_a_test_is_offered_where_the_policy_has_a_metric_to_test(fresh, as_, monkeypatch):
    policy = replace(model_policy.parse({}), metrics={"bought": CataloguedMetric(direction="higher")})
    monkeypatch.setattr(model_policy, "parse", lambda document: policy)
    html = reading.html(as_("amina").get(f"{AT}/"))
    assert 'value="ab_test"' in html
    assert 'value="bandit"' in html


STAGES = [{"kind": "shadow", "min": "30m"}, {"kind": "split", "share": 0.2, "min": "1h"}]


@pytest.fixture
def saved(fresh, monkeypatch):
    """The policy has saved two lists of stages."""
    told = {"careful": {"kind": "canary", "stages": STAGES}, "even": {"kind": "ab_test", "stages": STAGES}}
    policy = model_policy.parse({"lists": told})
    monkeypatch.setattr(model_policy, "parse", lambda document: policy)
    return fresh


def test_a_saved_list_is_offered_beside_the_others_with_what_it_would_do(saved, as_):
    html = reading.html(as_("amina").get(f"{AT}/"))
    form = html[html.index('id="open-release"') :]
    assert 'value="list:careful"' in form
    assert "2 stages that the model&#x27;s policy has saved, by the rules of Canary" in form
    assert "20 % of the units are answered by version 6 and 80 % by version 2" in form
    assert 'value="list:even"' not in form, "a test, and no metric is known"


def test_a_release_by_a_list_keeps_its_own_copy(saved, as_):
    assert opened(as_("amina"), kind="list:careful", ask="yes").status_code == 302
    release = Release.objects.get(version=saved)
    whole = {"kind": "canary", "list": "careful", "mode": "propose", "stages": STAGES}
    assert release.strategy == whole
    assert Event.objects.get(kind="release.opened", subject=release.subject).facts["strategy"] == whole
    design = staging.designed(release.strategy, "6", "2", catalogue={})
    assert [stage.least_seconds for stage in design.stages] == [1800.0, 3600.0]


@pytest.mark.parametrize(
    ("said", "field", "told"),
    [
        ({"kind": "list:night"}, "strategy.list", "there are careful, even."),
        ({"kind": "list:careful", "no_shadow": "yes"}, "strategy.shadow", "leave shadow out"),
        ({"document": "{kind: canary, list: carefull}"}, "strategy.list", "did you mean careful?"),
    ],
)
def test_a_list_that_is_not_there_is_told_with_those_that_are(saved, as_, said, field, told):
    response = opened(as_("amina"), **said)
    assert response.status_code == 422
    assert f"<code>{field}</code>" in reading.html(response)
    assert told in reading.html(response)


@pytest.mark.parametrize(
    ("said", "strategy"),
    [
        ({}, {"kind": "single"}),
        ({"kind": "single", "no_shadow": "yes", "ask": "yes"}, {"kind": "single"}),
        ({"kind": "canary"}, {"kind": "canary"}),
        ({"kind": "canary", "no_shadow": "yes", "ask": "yes"},
         {"kind": "canary", "shadow": False, "mode": "propose"}),
        ({"kind": "canary", "document": '{"kind": "blue_green", "holdback": 0.1}'},
         {"kind": "blue_green", "holdback": 0.1}),
        ({"document": "strategy: {kind: canary, stages: [{kind: split, share: 0.1, min: 1h}]}"},
         {"kind": "canary", "stages": [{"kind": "split", "share": 0.1, "min": "1h"}]}),
    ],
)  # fmt: skip
def test_what_is_chosen_is_what_is_opened(fresh, as_, said, strategy):
    assert opened(as_("amina"), **said).status_code == 302
    assert Release.objects.get(version=fresh).strategy == strategy


@pytest.mark.parametrize(
    ("document", "field", "told"),
    [
        ("kind: canarry", "strategy.kind", "not offered yet"),
        ("kind: canary\nstages: [{kind: split, sahre: 0.1}]", "strategy.stages[0].sahre", "did you mean"),
        ("{", "strategy", "cannot be read"),
        ("- canary", "strategy", "must be a mapping"),
        (hostiles.MARKUP, "strategy", "cannot be read"),
        ("kind: canary\nstages: [{kind: split, share: 7}]", "strategy.stages[0].share", "write 0 to 1"),
    ],
)
def test_what_is_wrong_is_named_by_its_field_and_kept(fresh, as_, document, field, told):
    response = opened(as_("amina"), document=document)
    html = reading.html(response)
    assert response.status_code == 422
    assert f"<code>{field}</code>" in html
    assert told in html
    assert 'aria-invalid="true"' in html
    assert escape(document.splitlines()[0][:4]) in html[html.index('id="strategy"') :]
    assert "<script>alert" not in html
    assert not Release.objects.filter(version=fresh).exists()


def test_a_document_that_is_too_long_is_not_read(fresh, as_):
    assert "at most 20,000" in opened(as_("amina"), document="#" * 20_001).content.decode()


def test_before_the_start_the_release_page_says_what_will_happen(fresh, as_):
    opened(as_("amina"), kind="canary", no_shadow="yes", ask="yes")
    html = reading.html(as_("vera").get(f"/releases/{Release.objects.get(version=fresh).pk}/"))
    plan = html[html.index('id="plan"') : html.index('id="evidence"')]
    assert "Asks a person before every step" in plan
    assert "The shadow is left out" in plan
    assert "1 % of the units are answered by version 6 and 99 % by version 2." in plan
    assert "a person is asked" in plan


def test_where_it_cannot_be_started_as_things_stand_the_page_says_why(fresh, as_):
    opened(as_("amina"), kind="canary")
    Release.objects.filter(version=fresh).update(strategy={"kind": "nothing"})
    html = reading.html(as_("vera").get(f"/releases/{Release.objects.get(version=fresh).pk}/"))
    assert "As things stand it cannot be started: The strategy" in html


def test_a_release_that_has_been_started_has_no_plan_any_more(world, as_):
    assert 'id="plan"' not in reading.html(as_("vera").get(f"/releases/{world.live.pk}/"))
    assert 'id="plan"' in reading.html(as_("vera").get(f"/releases/{world.review.pk}/"))
