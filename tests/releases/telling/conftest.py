"""A model, those whom it concerns, and a server of mail that keeps what it takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.models import Person, Role
from tests import mail, makers


@pytest.fixture
def ada() -> Person:
    return makers.person("ada", Role.CONTRIBUTOR, email="ada@example.org")


@pytest.fixture
def pia() -> Person:
    return makers.person("pia", Role.PRIVACY, email="pia@example.org")


@pytest.fixture
def manager() -> Person:
    return makers.person("mona", Role.RELEASE_MANAGER, email="mona@example.org")


@pytest.fixture
def letters() -> makers.RegisteredModel:
    return makers.model("letters", makers.person("olga", Role.CONTRIBUTOR, email="olga@example.org"))


@pytest.fixture
def box(settings) -> Iterator[mail.Box]:
    with mail.taking() as (box, server):
        settings.SMTP, settings.MAIL_FROM = server, "assay@assay.example.org"
        settings.PUBLIC_URL = "https://assay.example.org"
        yield box
