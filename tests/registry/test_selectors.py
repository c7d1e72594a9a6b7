from __future__ import annotations

import pytest

from registry import selectors
from registry.events import grounds
from registry.models import Role
from tests import makers

pytestmark = pytest.mark.django_db


def test_a_model_is_found_by_the_beginning_of_a_digest_of_one_of_its_versions():
    vera = makers.person("vera", Role.VIEWER)
    version = makers.version()
    makers.version()
    assert list(selectors.search_models(vera, search=version.digest[:12])) == [version.model]


def test_a_list_of_models_costs_the_same_queries_however_many_versions_there_are(django_assert_num_queries):
    vera = makers.person("vera", Role.VIEWER)
    for model in [makers.model() for _ in range(3)]:
        for _ in range(4):
            makers.version(model)
    with django_assert_num_queries(2):
        assert [m.latest for m in selectors.search_models(vera)] == [4, 4, 4]


def test_words_of_people_are_read_by_the_digest_that_the_log_carries():

    said = grounds("the night shift saw it fail", makers.person())
    assert selectors.words([said.digest, "0" * 64]) == {said.digest: "the night shift saw it fail"}
