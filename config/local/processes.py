"""The processes that make up Assay, and how each is started. Reads Django's settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from django.conf import settings

from config import env, scoring
from config.local import valkey
from config.local.supervisor import Child, TreeStopped
from config.serving import probes

SOCKET_PATH_LIMIT = 104
"""What the shortest `sun_path` holds (macOS; Linux has 108): a longer path cannot be bound."""


def web() -> list[str]:
    """Pages and REST; config/asgi.py says which view runs where."""
    return _python(
        "config.serving.web",
        "config.asgi:application",
        *("--apart", "config.asgi:inspects"),
        *("--workers", str(settings.WEB_WORKERS), "--host", settings.HOST, "--port", str(settings.WEB_PORT)),
        *("--connections", str(settings.WEB_CONNECTIONS)),
        *("--per-address", str(settings.WEB_CONNECTIONS_PER_ADDRESS)),
        *("--least-bytes-per-s", str(settings.WEB_LEAST_BYTES_PER_S)),
        *("--trusted", ",".join(map(str, settings.TRUSTED_PROXIES))),
    )


def worker(queue: str, concurrency: int) -> list[str]:
    """A Celery worker of one queue. Gossip and mingle are for fleets that elect leaders; ours does not."""
    return _celery(
        "worker",
        *("-n", f"{queue}@%h", "-Q", queue, "-c", str(concurrency)),
        *("--without-gossip", "--without-mingle", "--loglevel", "INFO"),
    )


def beat() -> list[str]:
    """The clock. Where it runs twice, ticks come twice, which is harmless and useless."""
    return _celery(
        "beat", "-s", settings.CELERY_BEAT_SCHEDULE_FILENAME, "--pidfile", "", "--loglevel", "INFO"
    )


ROLES: dict[str, Callable[[], list[str]]] = {
    "web": web,
    "control": partial(worker, "control", 2),
    "proving": partial(worker, "proving", settings.PROVING_SLOTS),
    "mail": partial(worker, "mail", 1),
    "beat": beat,
    "scoring": scoring.command,
    "grpc": lambda: scoring.grpc_command(settings.SCORING_URL),
}


def children() -> list[Child]:
    """Everything that has to run on a machine that is alone, in the order in which it has to start."""
    clock = ["-B", "-s", settings.CELERY_BEAT_SCHEDULE_FILENAME]
    own = env.inherited()
    pages = partial(probes.answers_http, settings.HOST, settings.WEB_PORT, "/healthz")
    answers = partial(probes.answers_http, settings.HOST, settings.SCORING_PORT, "/v2/health/live")
    node = f"http://{f'[{settings.HOST}]' if ':' in settings.HOST else settings.HOST}:{settings.SCORING_PORT}"
    return [
        *_broker(),
        Child("web", web(), own, ready=pages),
        Child("control", [*ROLES["control"](), *clock], own, greets=" ready."),
        Child("proving", ROLES["proving"](), own, greets=" ready."),
        *([Child("mail", ROLES["mail"](), own, greets=" ready.")] if settings.SMTP else ()),
        Child("scoring", scoring.command(), own, ready=answers),
        Child("grpc", scoring.grpc_command(node), own, greets="gRPC listens"),
    ]


def require_free_ports() -> None:
    """Raises TreeStopped with the first port that somebody else has, and the setting that moves ours."""
    ports = {
        "ASSAY_WEB_PORT": settings.WEB_PORT,
        "ASSAY_SCORING_PORT": settings.SCORING_PORT,
        "ASSAY_GRPC_PORT": settings.GRPC_PORT,
    }
    for setting, port in ports.items():
        if not probes.is_free(settings.HOST, port):
            raise TreeStopped(f"Port {port} is taken: stop what uses it, or set {setting} to another one.")


def _broker() -> list[Child]:
    """A Valkey of our own in the data folder, where no REDIS_URL is given."""
    if env.text("REDIS_URL", None) is not None:
        return []
    socket = settings.DATA_DIR / "valkey.sock"
    if len(str(socket)) > SOCKET_PATH_LIMIT:
        raise TreeStopped(f"{socket} is too long for a socket's name: set ASSAY_DATA_DIR to a shorter path.")
    ready = partial(probes.answers_ping, socket)
    arguments = valkey.arguments(settings.DATA_DIR)
    return [Child("valkey", arguments, env.inherited(), ready=ready, last=True, silent=True, reload=False)]


def _python(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", module, *words]


def _celery(command: str, *words: str) -> list[str]:
    # Django's checks would read every page's code into each worker: a second of start-up, and its memory.
    return _python("celery", "-A", "config.celery:app", "--skip-checks", command, *words)
