"""What the web server runs: Django's ASGI side for views that wait, its WSGI side for all others."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Mapping
from functools import lru_cache

from config import env

env.set_default("DJANGO_SETTINGS_MODULE", "config.settings")
env.set_default("ORT_DISABLE_TELEMETRY", "1")

from django.conf import settings  # noqa: E402 - the settings module must be named first
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import close_old_connections, connections  # noqa: E402
from django.http import parse_cookie  # noqa: E402
from django.urls import Resolver404, get_resolver, resolve  # noqa: E402

from config.serving import hybrid  # noqa: E402
from config.serving.known import Known  # noqa: E402
from config.serving.pools import Pools  # noqa: E402
from config.serving.proxies import BehindProxies  # noqa: E402

# Models are there once an application has been made.
asgi, wsgi = get_asgi_application(), get_wsgi_application()

from registry import selectors  # noqa: E402
from registry.web import sessions  # noqa: E402

BEARER = "bearer "


@lru_cache(maxsize=4096)
def kind(method: str, path: str) -> str:
    """What the view behind this address does: coroutines wait, and must not hold a thread."""
    try:
        view = resolve(path).func
    except Resolver404:
        return hybrid.ANSWERS
    if method in ("GET", "HEAD") and (probe := getattr(getattr(view, "cls", None), "probe", "")):
        return str(probe)
    if method == "GET" and inspect.iscoroutinefunction(view):
        return hybrid.WAITS
    if method == "POST" and getattr(getattr(view, "cls", None), "inspects", False):
        return hybrid.INSPECTS
    return hybrid.ANSWERS


def inspects(method: str, path: str) -> bool:
    """Whether it is answered in processes apart from those that answer pages: inspections take their time."""
    return kind(method, path) == hybrid.INSPECTS


def credential(headers: Mapping[str, str]) -> str:
    """The token, with the word before it, or the session that a request shows."""
    authorization = headers.get("authorization", "")
    if authorization[: len(BEARER)].lower() == BEARER:
        return BEARER + authorization[len(BEARER) :].strip()
    return parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME, "")


def whose(shown: str) -> str:
    """The key of the person whose is, now, what `credential` found; a token's is its owner."""
    try:
        if shown.startswith(BEARER):
            token = selectors.token(shown.removeprefix(BEARER))
            return "" if token is None else str(token.owner_id)
        return sessions.whose(shown)
    finally:
        close_old_connections()


pools = Pools.usual()
application = BehindProxies(
    hybrid.Hybrid(asgi, wsgi, kind=kind, known=Known(credential, whose, pools.door), pools=pools),
    settings.TRUSTED_PROXIES,
)
assert get_resolver().url_patterns  # noqa: S101 - read the addresses now, not with the first request

connections.close_all()  # no two processes may talk through one
# What is there now stays: a collection that walks all of it again would hold up whoever asks meanwhile.
gc.collect()
gc.freeze()
