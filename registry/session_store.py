"""Where sessions are kept: rows that know their person, so that they can be listed and ended."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import DatabaseError, transaction
from django.utils import timezone

from registry.models import Session

DEVICE = "device"
SEEN_EVERY = timedelta(minutes=5)


class SessionStore(DatabaseStore):
    """Django's own, with the person and the device beside the data. One write in five minutes says that
    somebody is still there; where the database takes no writes, nothing is said and pages go on."""

    @classmethod
    def get_model_class(cls) -> Any:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row: Any = super().create_model_instance(data)
        row.person_id = data.get(SESSION_KEY)
        row.device = str(data.get(DEVICE, ""))[:80]
        # A save writes the whole row: when it began must stay.
        began = Session.objects.filter(pk=row.session_key).values_list("began_at", flat=True).first()
        row.began_at = began or timezone.now()
        return row

    def _get_session_from_db(self) -> object:
        row = super()._get_session_from_db()  # type: ignore[misc]
        if row is not None and timezone.now() - row.seen_at > SEEN_EVERY:
            with suppress(DatabaseError), transaction.atomic():
                Session.objects.filter(pk=row.pk).update(seen_at=timezone.now())
        return row
