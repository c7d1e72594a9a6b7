"""Whatever the OpenAPI document allows to be sent is answered, and never with a failure of ours."""

from __future__ import annotations

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings

from config.wsgi import application
from registry.models import Role
from tests import makers

pytestmark = pytest.mark.django_db
DOCUMENT = SchemaGenerator().get_schema(request=None, public=True)
schema = schemathesis.openapi.from_dict(DOCUMENT)
schema.app = application


@pytest.fixture(autouse=True)
def one_transaction():
    """Django drops its connection around every request; here that would end the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def headers(production, robot, token_of):
    makers.release(makers.version(makers.model("digits", robot), robot))
    makers.person("auditor", Role.AUDITOR)
    return token_of(robot, "upload", "release", "feedback").headers


@schema.parametrize()
@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_nothing_that_the_schema_allows_breaks_us(case, headers):
    answer = case.call(headers=headers)

    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == ["application/problem+json"]
        assert answer.json()["code"]
