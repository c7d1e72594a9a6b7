"""The health page: what holds the product up, each with a word of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from registry import sandbox, selectors, witness
from registry.services.installation import installation_name
from registry.stores import artifact_store
from registry.web.pages import page
from releases import dataplane
from releases import selectors as release_selectors
from scoring.runtime import locales

_SHARED = (
    "Another installation (%s…) uses the same Redis database. They take each other's tasks and plans:"
    " give each its own number, by REDIS_URL."
)
NO_BYTES = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was asked just now. `tone` is positive, caution or danger."""

    name: str
    tone: str
    word: str
    sentence: str
    ms: float | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A scoring node as it last spoke."""

    beat: dataplane.Heartbeat
    environment: str
    at: datetime
    tone: str
    word: str
    behind: int


@page
def health(request: HttpRequest) -> HttpResponseBase:
    """The whole page, or for htmx the part that refreshes."""
    nodes, redis = _nodes()
    checks = [_sandbox(), _locale(), _asked("Database", _database), redis]
    checks += [_asked("Artifact store", _store), _witness()]
    if not nodes:
        checks.append(Check("Scoring", "danger", "silent", "No scoring node has spoken in the last minute."))
    context = {"checks": checks, "nodes": nodes, "queues": sorted(selectors.queue_lengths().items())}
    template = "releases/_health.html" if request.htmx else "releases/health.html"  # type: ignore[attr-defined]
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


def _witness() -> Check:
    try:
        seen = max(witness.read(settings.WITNESS_FILE), default=0)
        last = selectors.events().order_by("-seq").first()
    except (OSError, ValueError, DatabaseError) as trouble:
        return Check("Witness", "danger", "unreadable", str(trouble)[:200])
    head = last.seq if last else 0
    if seen > head:
        return Check("Witness", "danger", "disagrees", f"It saw event {seen}; the log ends at {head}.")
    behind = head - seen
    if behind > 10:
        return Check("Witness", "caution", "behind", f"It has not seen the last {behind} events.")
    return Check("Witness", "positive", "agrees", f"It has seen event {seen} of {head}.")


def _nodes() -> tuple[list[Node], Check]:
    client = dataplane.connect(settings.REDIS_URL)
    found: list[Node] = []
    others: list[str] = []

    def ask() -> str:
        for environment in release_selectors.environments():
            expected = dataplane.published_sequence(client, environment.name)
            beats = dataplane.heartbeats(client, environment.name)
            found.extend(_node(beat, environment.name, expected) for beat in beats)
        others.extend(dataplane.others_here(client, installation_name(), time.time()))
        return "Carries plans, heartbeats and wake-ups; never the truth."

    check = _asked("Valkey / Redis", ask)
    client.close()
    if others:
        sentence = _SHARED % others[0][:8]
        check = Check("Valkey / Redis", "danger", "shared", sentence, check.ms)
    return found, check


def _node(beat: dataplane.Heartbeat, environment: str, expected: int) -> Node:
    behind = max(expected - beat.sequence, 0)
    failed = any(m.failed for m in beat.models.values())
    broken = any(m.broken for m in beat.models.values())
    tone, word = "positive", "ready"
    if not beat.alive(time.time()):
        tone, word = "danger", "silent"
    elif broken:
        tone, word = "danger", "gave up a version"
    elif beat.facts.get("stale"):
        tone, word = "caution", "stale plan"
    elif failed:
        tone, word = "caution", "a model failed"
    elif behind:
        tone, word = "caution", "catching up"
    return Node(beat, environment, datetime.fromtimestamp(beat.at, UTC), tone, word, behind)
