"""What the web server runs: Django's ASGI side for views that wait, its WSGI side for all others."""

from __future__ import annotations

import inspect
from functools import lru_cache

from config import env

env.set_default("DJANGO_SETTINGS_MODULE", "config.settings")
env.set_default("ORT_DISABLE_TELEMETRY", "1")

from django.conf import settings  # noqa: E402 - the settings module must be named first
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import Resolver404, get_resolver, resolve  # noqa: E402

from config.hybrid import Hybrid  # noqa: E402
from config.proxies import BehindProxies  # noqa: E402


@lru_cache(maxsize=4096)
def waits(method: str, path: str) -> bool:
    """True where the view behind this address is a coroutine: it waits, and must not hold a thread."""
    if method != "GET":
        return False
    try:
        return inspect.iscoroutinefunction(resolve(path).func)
    except Resolver404:
        return False


application = BehindProxies(
    Hybrid(get_asgi_application(), get_wsgi_application(), waits=waits), settings.TRUSTED_PROXIES
)
assert get_resolver().url_patterns  # noqa: S101 - read the addresses now, not with the first request
