"""The suite's own ground: real servers, and a database that every test finds as migrations left it."""

from __future__ import annotations

import boto3
import psycopg2
import pytest
import redis
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from registry.models import Event
from tests import databases


def test_postgresql_is_real_and_gives_each_test_a_database_of_its_own(postgres_url):
    with databases.fresh_postgres(postgres_url) as url:
        other = psycopg2.connect(url)
        with other.cursor() as cursor:
            cursor.execute("CREATE TABLE mine (n int)")
            cursor.execute("SELECT version()")
            assert cursor.fetchone()[0].startswith("PostgreSQL")
        other.close()


def test_valkey_answers(redis_url):
    client = redis.Redis.from_url(redis_url)
    assert client.set("tests:greeting", "hello", ex=60)
    assert client.get("tests:greeting") == b"hello"
    client.close()


def test_s3_refuses_a_wrong_secret(s3_server):
    def client(secret: str):
        return boto3.client(
            "s3", endpoint_url=s3_server.url, region_name="us-east-1",
            aws_access_key_id=s3_server.access_key, aws_secret_access_key=secret,
        )  # fmt: skip

    assert client(s3_server.secret_key).list_buckets()["Buckets"] is not None
    with pytest.raises(Exception, match="SignatureDoesNotMatch"):
        client("something else").list_buckets()


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.django_db(transaction=True)
def test_a_transactional_test_may_fill_the_log_that_refuses_deletion(turn):
    assert not Event.objects.exists()
    event = Event.objects.create(seq=1, kind="test.played", subject="test", actor="test", at=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.filter(pk=event.pk).delete()


@pytest.mark.django_db
def test_the_database_is_the_one_that_was_asked_for(request):
    expected = "postgresql" if request.config.getoption("--postgres") else "sqlite"
    assert connection.vendor == expected
