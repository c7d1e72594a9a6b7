"""The Celery application: queues `control` (short jobs), `proving` (long ones) and `mail`."""

from __future__ import annotations

from celery import Celery

from config import env

env.set_default("DJANGO_SETTINGS_MODULE", "config.settings")  # also for who asks a worker from outside
env.set_default("ORT_DISABLE_TELEMETRY", "1")

app = Celery("assay")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["releases"])
