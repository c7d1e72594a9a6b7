"""The places on this machine's disks that the control plane writes to, and how they stand now."""

from __future__ import annotations

import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db import connection

from registry.disk import Place, place


def places() -> list[Place]:
    """Each by the name that a person would give it; what lies in S3 or on a database server is not ours."""
    return [place(name, folder) for name, folder in _folders().items()]


def troubles() -> list[str]:
    """What is full or read-only, in sentences: while there is one, something is refused."""
    return [str(refusal) for each in places() if (refusal := each.refusal) is not None]


def warnings() -> list[str]:
    """What can still be written to and has less room than the settings ask for."""
    floor = settings.DISK_FLOOR_BYTES
    return [said for each in places() if each.refusal is None and (said := each.sentence(floor))]


def _folders() -> dict[str, Path]:
    named = {"uploads and proofs": settings.WORK_DIR, "temporary files": Path(tempfile.gettempdir())}
    if connection.vendor == "sqlite":
        named["the database"] = Path(str(connection.settings_dict["NAME"])).parent
    store = urlsplit(settings.STORE)
    if store.scheme == "file":
        named["the artifact store"] = Path(unquote(store.path))
    named["the witness"] = settings.WITNESS_FILE.parent
    named["routing plans"] = settings.PLAN_FILE.parent
    return named
