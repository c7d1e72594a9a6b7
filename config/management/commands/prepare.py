"""Everything that has to be there before the first process starts. May be repeated at any time."""

from __future__ import annotations

import shutil

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections

from config import secrets
from releases.services.environments import ensure_environment


class Command(BaseCommand):
    """Migrations, the environment, keys, folders and, where artifacts go to S3, the bucket."""

    help = "Migrate the database, make the keys, and the bucket where artifacts go to S3."
    requires_system_checks = ()

    def handle(self, **options: object) -> None:
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0, interactive=False)
        ensure_environment(settings.ENVIRONMENT)
        connections.close_all()
        _make_keys()
        if settings.STORE.startswith("s3://"):
            _make_bucket(settings.STORE.removeprefix("s3://").split("/", 1)[0])


def _make_keys() -> None:
    """The keys of the control plane, and beside them or elsewhere the two that a scoring node gets."""
    secrets.plan_key(settings.DATA_DIR)
    secrets.request_key(settings.DATA_DIR)
    if settings.NODE_KEYS_DIR == settings.KEYS_DIR:
        return
    settings.NODE_KEYS_DIR.mkdir(parents=True, exist_ok=True)
    for name in ("plan.pub", "request.key"):
        shutil.copy(settings.KEYS_DIR / name, settings.NODE_KEYS_DIR / name)


def _make_bucket(name: str) -> None:
    import boto3  # half a second that only S3 users pay
    from botocore.exceptions import ClientError

    client = boto3.client("s3", endpoint_url=settings.S3_ENDPOINT_URL or None)
    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
            raise
        client.create_bucket(Bucket=name)
