"""Settings -> the arguments of `python -m scoring` and of its gRPC face, which read no environment."""

from __future__ import annotations

import sys

from django.conf import settings


def command() -> list[str]:
    """The whole command line of the scoring node on this machine."""
    return [sys.executable, "-m", "scoring", *arguments()]


def grpc_command(node: str) -> list[str]:
    """The command line of gRPC in front of the node at this address."""
    where = ("--host", settings.HOST, "--port", str(settings.GRPC_PORT))
    return [sys.executable, "-m", "scoring.grpc", "--node", node, *where, "--trusted", _trusted()]


def _trusted() -> str:
    return ",".join(map(str, settings.TRUSTED_PROXIES))


def arguments() -> list[str]:
    """Plan file and Redis are both named: whichever has the newer plan is followed."""
    options = {
        "--plan": settings.PLAN_FILE,
        "--plan-key": settings.NODE_KEYS_DIR / "plan.pub",
        "--request-key": settings.NODE_KEYS_DIR / "request.key",
        "--host": settings.HOST,
        "--port": settings.SCORING_PORT,
        "--workers": settings.SCORING_WORKERS,
        "--providers": settings.SCORING_PROVIDERS,
        "--provider-options": settings.SCORING_PROVIDER_OPTIONS,
        "--models": settings.SCORING_MODELS,
        "--memory-bytes": settings.SCORING_MEMORY_BYTES,
        "--data": settings.DATA_DIR / "nodes" / settings.NODE,
        "--store": settings.STORE,
        "--s3-endpoint": settings.S3_ENDPOINT_URL,
        "--redis": settings.REDIS_URL,
        "--environment": settings.ENVIRONMENT,
        "--node": settings.NODE,
        "--address": settings.SCORING_URL,
        "--trusted": _trusted(),
        "--crashpoint-file": settings.CRASHPOINT_FILE,
    }
    return [word for name, value in options.items() if value for word in (name, str(value))]
