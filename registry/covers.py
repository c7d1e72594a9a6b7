"""What the log says of rows beside it, held against these rows: each check yields what contradicts it.

The chain covers events alone. Words, roles, policies and verdicts lie in tables of their own, and events have
their digests or contents: a row that was changed, added or taken away behind the log's back is found here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from django.db import connection

from registry.guards import GUARDS, Guard, missing
from registry.models import Event, Grounds, Membership, ModelVersion, RegisteredModel, Role

Check = Callable[[], Iterator[str]]
_BATCH = 2000
"""Rows in memory at a time."""
MOST = 50
"""Of a kind: a person acts on the first ones, and a rewritten table would fill the page."""


def said(*kinds: str) -> Iterator[Event]:
    """The events of these kinds, oldest first."""
    return Event.objects.filter(kind__in=kinds).order_by("seq").iterator(_BATCH)


def grounds() -> Iterator[str]:
    """Words that people wrote are those whose digest the log has, or were erased by an event."""
    erased = {digest for event in said("grounds.erased") for digest in event.facts["erased"]}
    for row in Grounds.objects.iterator(_BATCH):
        if row.erased_at is not None:
            if row.digest not in erased:
                yield f"the words {row.digest[:12]}… were erased, and no event says so"
        elif hashlib.sha256(f"{row.salt}:{row.text}".encode()).hexdigest() != row.digest:
            yield f"the words {row.digest[:12]}… are not those that were written"


def memberships() -> Iterator[str]:
    """Who holds which role is what grants and revocations left; who registered a model contributes to it."""
    wanted: dict[tuple[str, str, str], bool] = {}
    for event in said("role.granted", "role.revoked"):
        wanted[event.subject, event.model, event.facts["role"]] = event.kind == "role.granted"
    rows = Membership.objects.values_list("person__username", "model__name", "role")
    held = {(f"person/{person}", model or "", role) for person, model, role in rows}
    makers = {
        (f"person/{person}", model, str(Role.CONTRIBUTOR))
        for person, model in RegisteredModel.objects.values_list("created_by__username", "name")
    }
    for key in sorted(held - {key for key, holds in wanted.items() if holds}):
        if key not in makers or key in wanted:
            yield f"{key[0]} has the role {key[2]} on {key[1] or 'all models'}, and no event gave it"
    for key in sorted(key for key, holds in wanted.items() if holds and key not in held):
        yield f"{key[0]} lost the role {key[2]} on {key[1] or 'all models'}, and no event took it"


def policies() -> Iterator[str]:
    """A model's policy is the one that it was registered with, or that was confirmed last."""
    wanted: dict[str, Any] = {}
    for event in said("model.created", "policy.confirmed"):
        wanted[event.model] = event.facts.get("policy" if event.kind == "model.created" else "new")
    for name, policy in RegisteredModel.objects.values_list("name", "policy"):
        if name not in wanted:
            yield f"no event registered the model {name}"
        elif policy != wanted[name]:
            yield f"the policy of {name} is not the one that was confirmed last"


def versions() -> Iterator[str]:
    """Each version is the one that was uploaded, with the files that it had then."""
    uploaded = {
        event.subject: (event.facts["digest"], event.facts["files"]) for event in said("version.uploaded")
    }
    rows = ModelVersion.objects.select_related("model").only("number", "digest", "model__name")
    for row in rows.prefetch_related("files").order_by("pk").iterator(_BATCH):
        subject = f"version/{row.model.name}/{row.number}"
        files = {file.key: file.artifact_id for file in row.files.all()}
        if subject not in uploaded:
            yield f"no event uploaded {subject}"
        elif uploaded.pop(subject) != (row.digest, files):
            yield f"{subject} is not what was uploaded"
    yield from (f"{subject} was uploaded and is gone" for subject in sorted(uploaded))


def guards() -> Iterator[str]:
    """What the database is to refuse by itself, it refuses."""
    return unguarded(GUARDS)


def unguarded(declared: Iterable[Guard]) -> Iterator[str]:
    for name in missing(declared, connection.alias):
        yield f"the database has lost the guard {name}"


CHECKS: list[Check] = [grounds, memberships, policies, versions, guards]
"""All that is covered; what lies in other apps is added by them when they are ready."""


def found() -> list[str]:
    """What contradicts the log: of each check as much as somebody reads, and whether there is more."""
    told: list[str] = []
    for check in CHECKS:
        findings = check()
        told += islice(findings, MOST)
        if next(findings, None) is not None:
            told.append(f"and more than these {MOST} of the kind")
    return told
