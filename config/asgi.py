from __future__ import annotations

from config import env

env.set_default("DJANGO_SETTINGS_MODULE", "config.settings")
env.set_default("ORT_DISABLE_TELEMETRY", "1")

from django.core.asgi import get_asgi_application  # noqa: E402 - the settings module must be named first

application = get_asgi_application()
