"""Environments: made by an operator, never by a request."""

from __future__ import annotations

from registry.events import record
from registry.services.people import SYSTEM
from registry.transactions import write
from releases.events import Kind
from releases.models import Environment


def ensure_environment(name: str) -> Environment:
    """The environment of that name, made with its event if it is new."""
    if found := Environment.objects.filter(name=name).first():
        return found
    with write():
        made, created = Environment.objects.get_or_create(name=name)
        if created:
            record(Kind.ENVIRONMENT_CREATED, f"environment/{name}", actor=SYSTEM)
        return made
