"""The Celery application: two queues, `control` (short) and `proving` (one long job at a time)."""

from __future__ import annotations

from celery import Celery

app = Celery("assay")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["releases"])
