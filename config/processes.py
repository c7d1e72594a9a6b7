"""Which processes make up Assay on one machine, and how each is started. Reads Django's settings."""

from __future__ import annotations

import sys
from functools import partial

from django.conf import settings

from config import env, probes, scoring, valkey
from config.supervisor import Child, TreeStopped

SOCKET_PATH_LIMIT = 104


def children() -> list[Child]:
    """Everything that has to run here, in the order in which it has to start."""
    return [
        *_broker(),
        _web(),
        _worker("control", 2, "-B", "-s", str(settings.DATA_DIR / "beat")),
        _worker("proving", 1),
        _scoring(),
    ]


def require_free_ports() -> None:
    """Raises TreeStopped with the first port that somebody else has, and the setting that moves ours."""
    for port, setting in (
        (settings.WEB_PORT, "ASSAY_WEB_PORT"),
        (settings.SCORING_PORT, "ASSAY_SCORING_PORT"),
    ):
        if not probes.is_free(settings.HOST, port):
            raise TreeStopped(f"Port {port} is taken: stop what uses it, or set {setting} to another one.")


def brings_its_own_broker() -> bool:
    """True where no REDIS_URL is given, so that a Valkey of our own is started in the data folder."""
    return env.text("REDIS_URL", None) is None


def _broker() -> list[Child]:
    if not brings_its_own_broker():
        return []
    socket = settings.DATA_DIR / "valkey.sock"
    if len(str(socket)) > SOCKET_PATH_LIMIT:
        raise TreeStopped(f"{socket} is too long for a socket's name: set ASSAY_DATA_DIR to a shorter path.")
    return [
        Child(
            "valkey",
            valkey.arguments(settings.DATA_DIR),
            env.inherited(),
            ready=partial(probes.answers_ping, socket),
            last=True,
            silent=True,
            reload=False,
        )
    ]


def _web() -> Child:
    return Child(
        "web",
        [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "wsgi",
            "--workers",
            str(settings.WEB_WORKERS),
            "--blocking-threads",
            "4",
            "--respawn-failed-workers",
            "--workers-kill-timeout",
            "2",
            "--no-ws",
            "--host",
            settings.HOST,
            "--port",
            str(settings.WEB_PORT),
            "config.wsgi:application",
        ],
        env.inherited(),
        ready=partial(probes.answers_http, settings.HOST, settings.WEB_PORT, "/health/live"),
    )


def _worker(queue: str, concurrency: int, *more: str) -> Child:
    return Child(
        queue,
        [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "config.celery:app",
            "worker",
            "-n",
            f"{queue}@%h",
            "-Q",
            queue,
            "-c",
            str(concurrency),
            "--without-gossip",
            "--without-mingle",
            "--loglevel",
            "INFO",
            *more,
        ],
        env.inherited(),
        greets=" ready.",
    )


def _scoring() -> Child:
    return Child(
        "scoring",
        scoring.command(),
        env.inherited(),
        ready=partial(probes.answers_http, settings.HOST, settings.SCORING_PORT, "/v2/health/live"),
    )
