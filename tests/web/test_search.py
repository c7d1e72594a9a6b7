"""One search finds everything that has a name, and nothing that its reader may not see."""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from registry.models import ModelVersion, Role, Tag, Term, begins
from registry.services import people, terms
from tests import makers

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(world):
    """The world, with the words of training noted as an upload notes them, and a second model beside it."""
    for version in ModelVersion.objects.order_by("number"):
        terms.remember(version)
    letters = makers.model("letters", makers.person("carl", Role.CONTRIBUTOR), task="ranking")
    nora = makers.person("nora")
    people.grant(nora, Role.VIEWER, model=letters)
    return world


def found(client, words: str) -> dict[str, list[str]]:
    response = client.get("/search/", {"q": words})
    assert response.status_code == 200
    groups = re.findall(r'class="found" aria-label="(\w+)">(.*?)</section>', response.content.decode(), re.S)
    return {label: re.findall(r'class="strong">([^<]+)<', body) for label, body in groups}


def test_each_kind_of_thing_is_found_by_its_name(told, as_):
    client = as_("vera")
    assert found(client, "digit")["Models"] == ["digits"]
    assert found(client, "digits")["Releases"] == ["Release 5"]
    assert found(client, "digits 3")["Versions"] == ["digits version 3"]
    assert found(client, told.live.version.digest[:12])["Versions"] == ["digits version 2"]
    assert found(client, "#2")["Releases"] == ["Release 2"]
    assert found(client, "classifier")["Training"] == ["MLPClassifier"]
    assert found(client, "ALPHA=0.0002")["Training"] == ["alpha=0.0002"]
    assert found(client, "scikit")["Training"] == ["scikit-learn"]
    assert found(client, "vision")["Tags"] == ["team=vision"]
    assert found(client, "amin")["People"] == ["amina"]
    assert found(client, "nothing is called so") == {}


def test_a_hyperparameter_leads_to_the_newest_version_that_has_it(told):
    term = Term.objects.get(key="alpha=0.0005")
    assert term.newest == 5
    assert Term.objects.get(key="mlpclassifier").newest == 5
    assert Term.objects.get(key="logisticregression").newest == 2


def test_only_what_the_reader_may_see_is_found(told, as_):
    client = as_("nora")
    for words in ("digits", "digits 3", told.live.version.digest[:12], "#2", "classifier", "alpha", "vision"):
        assert found(client, words) == {}, words
    assert found(client, "letter")["Models"] == ["letters"]
    nobody = as_("nobody")
    assert found(nobody, "amina") == {}
    assert found(nobody, "nobody") == {"People": ["nobody"]}


def test_a_tag_of_versions_is_found_by_its_value(told, as_):
    Tag.objects.create(model=told.model, version=told.live.version, key="framework", value="xgboost 2")
    assert found(as_("vera"), "framework=xgboost 2")["Tags"] == ["framework=xgboost 2"]
    assert found(as_("vera"), "framework")["Tags"] == ["framework"]


def test_the_box_gets_the_findings_alone_and_how_many_they_are(told, as_):
    html = as_("vera").get("/search/?q=digits", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in html
    assert 'id="palette-count" hx-swap-oob="innerHTML">2 found' in html


def test_words_of_a_stranger_are_words(told, as_):
    for words in ("%", "_", "'; --", "a" * 500, "\U0010ffff", "<b>", "=", "9" * 30):
        assert as_("vera").get("/search/", {"q": words}).status_code == 200, words
    for last in ("\U0010ffff", "\ud7ff"):
        assert as_("dara").get("/audit/", {"kind": f"x{last}*"}).status_code == 200


def test_what_was_uploaded_before_is_gathered_when_the_table_comes(told):
    before = list(Term.objects.order_by("kind", "key").values_list("kind", "key", "text", "newest"))
    Term.objects.all().delete()
    import_module("registry.migrations.0008_words_of_training").gather(apps, None)
    assert list(Term.objects.order_by("kind", "key").values_list("kind", "key", "text", "newest")) == before


def test_hyperparameters_are_found_by_an_index(told):
    if connection.vendor != "sqlite":
        pytest.skip("a planner that knows the table is small reads all of it")
    rows = Term.objects.filter(begins("key", "alpha"), kind="hyperparameter")
    assert "terms_by_beginning" in rows.explain()
