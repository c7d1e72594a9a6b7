"""The demo's accounts, made at the command line of the installation, as an operator would."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

from config import env
from demo.people import CI, CI_SCOPES, PEOPLE, DemoPerson
from registry import selectors
from registry.models import Person
from registry.services import people, tokens
from registry.tokens import new_secret
from releases.services.environments import ensure_environment


@dataclass(frozen=True, slots=True)
class Credentials:
    """The password of all demo people and the bearer token of the CI account."""

    password: str
    token: str


def seed() -> Credentials:
    """Make what is missing; safe to repeat. Given credentials win over those of an earlier run."""
    credentials = _credentials(settings.DATA_DIR / "demo" / "credentials.json")
    ensure_environment(settings.ENVIRONMENT)
    for one in (*PEOPLE, CI):
        _person(one, credentials.password)
    if selectors.token(credentials.token) is None:
        tokens.create_token(
            "demo CI",
            owner=selectors.person(CI.name),
            scopes=CI_SCOPES,
            by=selectors.person("admin"),
            secret=credentials.token,
        )
    return credentials


def _credentials(path: Path) -> Credentials:
    kept = json.loads(path.read_text()) if path.exists() else {}
    credentials = Credentials(
        password=env.text("ASSAY_DEMO_PASSWORD", "") or kept.get("password") or secrets.token_urlsafe(12),
        token=env.text("ASSAY_DEMO_TOKEN", "") or kept.get("token") or new_secret()[1],
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(asdict(credentials), out)
    return credentials


def _person(one: DemoPerson, password: str) -> None:
    found = Person.objects.filter(username=one.name).first()
    if found is None:
        found = people.create_person(
            one.name,
            password=None if one.machine else password,
            email=one.email,
            is_machine=one.machine,
            admin=one.admin,
        )
    elif not one.machine and not found.check_password(password):
        found.set_password(password)
        found.save(update_fields=["password"])
    for role in one.roles:
        people.grant(found, role)
