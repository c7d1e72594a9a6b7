"""Every address of the product, by face."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

import registry.api.urls

urlpatterns = [
    path("", include("registry.web.urls")),
    path("", include("releases.web.urls")),
    path("", include(registry.api.urls.root_urlpatterns)),
    path("api/v1/", include("registry.api.urls")),
    path("api/v1/", include("releases.api.urls")),
    path("admin/", admin.site.urls),
]

handler404 = "config.errors.not_found"
handler500 = "config.errors.failed"
