"""The health page: what holds the product up, each with a word of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpResponseBase
from django.shortcuts import render

from registry import events, notices, places, sandbox, selectors
from registry.services.installation import installation_name
from registry.stores import artifact_store
from registry.web.pages import PersonRequest, page
from releases import dataplane
from releases import selectors as release_selectors
from releases.traffic import fleet
from scoring.runtime import locales

_SHARED = (
    "Another installation (%s…) uses the same Redis database. They take each other's tasks and plans:"
    " give each its own number, by REDIS_URL."
)
_MAKE_ROOM = "What needs them is refused or waits, and goes on by itself when that is mended."
NO_BYTES = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was asked just now. `tone` is positive, caution or danger."""

    name: str
    tone: str
    word: str
    sentence: str
    ms: float | None = None


@page
def health(request: PersonRequest) -> HttpResponseBase:
    """The whole page, or for htmx the part that refreshes."""
    visible = frozenset(selectors.visible_models(request.user).values_list("name", flat=True))
    nodes = fleet.known(list(release_selectors.environments()), visible).nodes
    checks = [_sandbox(), _locale(), _asked("Database", _database), _redis()]
    checks += [_whole(_asked("Artifact store", _store)), _witness(), _disks(), *_mail()]
    if all(node.state == "gone" for node in nodes):
        checks.append(Check("Scoring", "danger", "silent", "No scoring node has spoken in the last minute."))
    context = {
        "checks": checks,
        "nodes": nodes,
        "titles": selectors.titles(model.name for node in nodes for model in node.models),
        "queues": sorted(selectors.queue_lengths().items()),
    }
    template = "releases/health/parts.html" if request.htmx else "releases/health/page.html"
    return render(request, template, context)


def _asked(name: str, ask: Callable[[], str]) -> Check:
    started = time.perf_counter()
    try:
        sentence = ask()
    except Exception as trouble:
        return Check(name, "danger", "down", f"{type(trouble).__name__}: {str(trouble)[:200]}")
    return Check(name, "positive", "ready", sentence, (time.perf_counter() - started) * 1000)


def _sandbox() -> Check:
    level = sandbox.level()
    if level.isolated:
        return Check("Sandbox", "positive", level.name, level.sentence)
    return Check("Sandbox", "caution" if settings.ALLOW_UNISOLATED else "danger", level.name, level.sentence)


def _locale() -> Check:
    """Of this machine. Workers and nodes that are others say so when they have to load such a model."""
    if locales.has():
        return Check("Locale", "positive", "ready", f"Models change the case of texts by {locales.LOCALE}.")
    return Check(
        "Locale", "caution", "missing", f"{locales.MISSING} Until then they cannot be proven or served."
    )


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return {"sqlite": "SQLite in the data folder.", "postgresql": "PostgreSQL."}.get(connection.vendor, "")


def _store() -> str:
    artifact_store().exists(NO_BYTES)
    return f"{'S3' if settings.STORE.startswith('s3:') else 'Local disk'}, content-addressed by SHA-256."


def _whole(store: Check) -> Check:
    """The same, unless a gate could not be run because of what the store has lost."""
    if store.tone == "danger" or not (lost := release_selectors.damaged_artifacts()):
        return store
    names = ", ".join(digest[:12] for digest in lost[:3])
    what = "1 artifact is" if len(lost) == 1 else f"{len(lost)} artifacts are"
    return Check(
        store.name,
        "danger",
        "damaged",
        f"{what} lost or damaged ({names}). Restore from a backup, then run the errored gates again.",
        store.ms,
    )


def _disks() -> Check:
    """Of this machine: a node tells of its own where it cannot fetch."""
    try:
        troubles, warned = places.troubles(), places.warnings()
    except OSError as trouble:
        return Check("Disks", "danger", "unreadable", str(trouble)[:200])
    if troubles:
        word = "read-only" if all("read-only" in each for each in troubles) else "full"
        return Check("Disks", "danger", word, f"{' '.join((*troubles, *warned))} {_MAKE_ROOM}")
    if warned:
        return Check("Disks", "caution", "nearly full", " ".join(warned))
    least = min(each.free_bytes for each in places.places())
    return Check(
        "Disks", "positive", "ready", f"At least {least / 2**30:,.1f} GiB are free wherever we write."
    )


def _witness() -> Check:
    try:
        stands = events.witness_standing()
    except DatabaseError as trouble:
        return Check("Witness", "danger", "unreadable", str(trouble)[:200])
    return Check("Witness", stands.tone, stands.word, stands.sentence)


def _mail() -> list[Check]:
    """Nothing is said where nothing is mailed."""
    if settings.SMTP is None:
        return []
    stands = notices.post()
    if stands.late:
        late = (
            f"Nobody has tried to send the mail of {stands.late} for ten minutes: does the mail worker run?"
        )
        return [Check("Mail", "danger", "stuck", late)]
    if stands.failing or stands.given_up:
        said = f"{stands.failing} wait to be tried again, {stands.given_up} were given up since yesterday."
        return [Check("Mail", "caution", "failing", f"{said} {stands.trouble}")]
    return [Check("Mail", "positive", "ready", f"By {settings.SMTP.host}; {stands.waiting} wait to be sent.")]


def _redis() -> Check:
    client = dataplane.connect(settings.REDIS_URL)
    others: list[str] = []

    def ask() -> str:
        others.extend(dataplane.others_here(client, installation_name(), time.time()))
        return "Carries plans, heartbeats and wake-ups; never the truth."

    check = _asked("Valkey / Redis", ask)
    client.close()
    if others:
        return Check("Valkey / Redis", "danger", "shared", _SHARED % others[0][:8], check.ms)
    return check
